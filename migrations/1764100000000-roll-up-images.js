/** Image tokens in the sums by hour and by day, as in the rows that they are made of. */
const DIMENSIONS = ['starts_at', 'department_id', 'team_id', 'user_id', 'key_id', 'provider', 'model'];

const ADDED = ['input_image_tokens', 'output_image_tokens'];
const TOKENS = [
  'input_tokens',
  'cache_read_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'input_audio_tokens',
  'output_tokens',
  'reasoning_tokens',
  'output_audio_tokens',
  'web_searches',
];
const AMOUNTS = ['cost_nano_usd', 'saved_nano_usd'];
const COUNTED = {
  requests: 'true',
  errors: 'status >= 400 or error_code is not null',
  fallbacks: 'fallback',
  cache_hits: `cache_status in ('hit', 'semantic-hit')`,
  streams: 'stream',
  attempts: null,
};

/** Adds the rows of `source`, each times its sign. Groups are locked in one order, so that replicas do not wait in a circle. */
function rollUp(table, unit, source, summed) {
  const sums = [...Object.keys(COUNTED), ...summed];
  return `
  insert into ${table} as sums (${[...DIMENSIONS, 'key_name', ...sums].join(', ')})
  select date_trunc('${unit}', started_at, 'UTC') as starts_at, department_id, team_id, coalesce(user_id, ''), key_id,
    coalesce(provider, ''), coalesce(model, ''), max(key_name),
    ${Object.entries(COUNTED)
      .map(([name, when]) => (when ? `coalesce(sum(sign) filter (where ${when}), 0)` : `sum(sign * ${name})`))
      .join(', ')},
    ${summed.map((name) => `sum(sign * ${name})`).join(', ')}
  from ${source} group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2, 3, 4, 5, 6, 7
  on conflict (${DIMENSIONS.join(', ')}) do update set key_name = excluded.key_name,
    ${sums.map((sum) => `${sum} = sums.${sum} + excluded.${sum}`).join(', ')}`;
}

const TABLES = { usage_hours: 'hour', usage_days: 'day' };

const SOURCES = {
  usage_roll_up_inserted: '(select 1 as sign, i.* from inserted i) as r',
  usage_roll_up_updated:
    '(select 1 as sign, n.* from after_update n union all select -1, o.* from before_update o) as r',
};

const functionOf = (name, summed) => `
  create or replace function ${name}() returns trigger language plpgsql as $$
  begin
    ${Object.entries(TABLES)
      .map(([table, unit]) => rollUp(table, unit, SOURCES[name], summed))
      .join(';\n')};
    return null;
  end $$`;

const backfill = (table, unit) => `
  update ${table} s set ${ADDED.map((name) => `${name} = r.${name}`).join(', ')}
  from (
    select date_trunc('${unit}', started_at, 'UTC') as starts_at, department_id, team_id, coalesce(user_id, '') as user_id, key_id,
      coalesce(provider, '') as provider, coalesce(model, '') as model, ${ADDED.map((name) => `sum(${name}) as ${name}`).join(', ')}
    from usage_requests where ${ADDED.map((name) => `${name} > 0`).join(' or ')} group by 1, 2, 3, 4, 5, 6, 7
  ) as r
  where ${DIMENSIONS.map((name) => `s.${name} = r.${name}`).join(' and ')}`;

class RollUpImages1764100000000 {
  name = 'RollUpImages1764100000000';

  async up(queryRunner) {
    // Nobody adds to the sums while they are made up for.
    await queryRunner.query('lock table usage_requests in share row exclusive mode');
    for (const [table, unit] of Object.entries(TABLES)) {
      for (const column of ADDED)
        await queryRunner.query(`alter table ${table} add column ${column} bigint not null default 0`);
      await queryRunner.query(backfill(table, unit));
    }
    const summed = [...TOKENS, ...ADDED, ...AMOUNTS];
    for (const name of Object.keys(SOURCES)) await queryRunner.query(functionOf(name, summed));
  }

  async down(queryRunner) {
    for (const name of Object.keys(SOURCES)) await queryRunner.query(functionOf(name, [...TOKENS, ...AMOUNTS]));
    for (const table of Object.keys(TABLES)) {
      for (const column of ADDED) await queryRunner.query(`alter table ${table} drop column ${column}`);
    }
  }
}

module.exports = { RollUpImages1764100000000 };
