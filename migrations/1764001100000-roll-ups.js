/**
 * Sums of requests by hour and by day (UTC), kept by the statements that write or correct the rows: always exact, and in the
 * same transaction. A dimension that a request does not have is the empty text.
 */
const DIMENSIONS = ['starts_at', 'department_id', 'team_id', 'user_id', 'key_id', 'provider', 'model'];

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
const SUMMED = [...TOKENS, 'cost_nano_usd', 'saved_nano_usd'];
const COUNTED = {
  requests: 'true',
  errors: 'status >= 400 or error_code is not null',
  fallbacks: 'fallback',
  cache_hits: `cache_status in ('hit', 'semantic-hit')`,
  streams: 'stream',
  attempts: null,
};
const SUMS = [...Object.keys(COUNTED), ...SUMMED];

const tableOf = (name) => `create table ${name} (
    starts_at timestamptz not null,
    department_id text not null,
    team_id text not null,
    user_id text not null,
    key_id text not null,
    provider text not null,
    model text not null,
    key_name text not null,
    ${SUMS.map((sum) => `${sum} bigint not null`).join(',\n    ')},
    constraint pk_${name} primary key (${DIMENSIONS.join(', ')})
  )`;

/** Adds the rows of `source`, each times its sign. Groups are locked in one order, so that replicas do not wait in a circle. */
const rollUp = (table, unit, source) => `
  insert into ${table} as sums (${[...DIMENSIONS, 'key_name', ...SUMS].join(', ')})
  select date_trunc('${unit}', started_at, 'UTC') as starts_at, department_id, team_id, coalesce(user_id, ''), key_id,
    coalesce(provider, ''), coalesce(model, ''), max(key_name),
    ${Object.entries(COUNTED)
      .map(([name, when]) => (when ? `coalesce(sum(sign) filter (where ${when}), 0)` : `sum(sign * ${name})`))
      .join(', ')},
    ${SUMMED.map((name) => `sum(sign * ${name})`).join(', ')}
  from ${source} group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2, 3, 4, 5, 6, 7
  on conflict (${DIMENSIONS.join(', ')}) do update set key_name = excluded.key_name,
    ${SUMS.map((sum) => `${sum} = sums.${sum} + excluded.${sum}`).join(', ')}`;

const TABLES = { usage_hours: 'hour', usage_days: 'day' };

const triggerFunction = (name, source) => `
  create function ${name}() returns trigger language plpgsql as $$
  begin
    ${Object.entries(TABLES)
      .map(([table, unit]) => rollUp(table, unit, source))
      .join(';\n')};
    return null;
  end $$`;

const INSERTED = '(select 1 as sign, i.* from inserted i) as r';
const UPDATED = '(select 1 as sign, n.* from after_update n union all select -1, o.* from before_update o) as r';

/** Drops the rows of whole months; what the attempts among them came to is kept for the ledger. */
const DROP_ROWS = `
  create function usage_drop_rows(p_before timestamptz) returns integer language plpgsql as $$
  declare
    v_part record;
    v_count integer := 0;
  begin
    perform pg_advisory_xact_lock(7274012);
    perform set_config('lock_timeout', '5s', true);
    for v_part in select name from usage_partitions_before('usage_attempts', p_before) loop
      execute format('lock table %I in access exclusive mode', v_part.name);
      perform usage_archive(v_part.name, p_before);
      execute format('drop table %I', v_part.name);
      v_count := v_count + 1;
    end loop;
    for v_part in select name from usage_partitions_before('usage_requests', p_before) loop
      execute format('drop table %I', v_part.name);
      v_count := v_count + 1;
    end loop;
    if exists (select 1 from usage_attempts_default where started_at < p_before) then
      lock table usage_attempts_default in access exclusive mode;
      perform usage_archive('usage_attempts_default', p_before);
      delete from usage_attempts_default where started_at < p_before;
    end if;
    delete from usage_requests_default where started_at < p_before;
    perform usage_move_horizon('rows', p_before);
    return v_count;
  end $$`;

const DROP_HOURS = `
  create function usage_drop_hours(p_before timestamptz) returns integer language plpgsql as $$
  declare
    v_part record;
    v_count integer := 0;
  begin
    perform pg_advisory_xact_lock(7274012);
    perform set_config('lock_timeout', '5s', true);
    for v_part in select name from usage_partitions_before('usage_hours', p_before) loop
      execute format('drop table %I', v_part.name);
      v_count := v_count + 1;
    end loop;
    delete from usage_hours_default where starts_at < p_before;
    perform usage_move_horizon('hours', p_before);
    return v_count;
  end $$`;

const ARCHIVE = `
  create function usage_archive(p_table text, p_before timestamptz) returns void language plpgsql as $$
  begin
    execute format('
      insert into ledger_archived as known (account, subject, amount_nano_usd)
      select account, subject, amount from (
        select ''payable'' as account, provider as subject, -sum(cost_nano_usd) as amount from %1$I where started_at < $1 group by 2
        union all
        select ''expense'', department_id, sum(cost_nano_usd) from %1$I where started_at < $1 group by 2
        union all
        select ''spent'', charge ->> ''budget'', sum(cost_nano_usd) from %1$I, jsonb_array_elements(charges) as charge
          where started_at < $1 group by 2
      ) as sums where amount <> 0
      on conflict (account, subject) do update set amount_nano_usd = known.amount_nano_usd + excluded.amount_nano_usd', p_table)
      using p_before;
  end $$`;

const MOVE_HORIZON = `
  create function usage_move_horizon(p_of text, p_before timestamptz) returns void language sql as $$
    insert into usage_horizons as known (of, at) values (p_of, p_before)
    on conflict (of) do update set at = greatest(known.at, excluded.at)
  $$`;

const FUNCTIONS = [
  ['usage_roll_up_inserted()', triggerFunction('usage_roll_up_inserted', INSERTED)],
  ['usage_roll_up_updated()', triggerFunction('usage_roll_up_updated', UPDATED)],
  ['usage_archive(text, timestamptz)', ARCHIVE],
  ['usage_move_horizon(text, timestamptz)', MOVE_HORIZON],
  ['usage_drop_rows(timestamptz)', DROP_ROWS],
  ['usage_drop_hours(timestamptz)', DROP_HOURS],
];

const PARTITIONED = [`array['usage_requests', 'usage_attempts'`, `, 'usage_hours'`];

async function rewrite(queryRunner, signature, before, after) {
  const [{ text }] = await queryRunner.query(`select pg_get_functiondef('${signature}'::regprocedure) as text`);
  if (text.split(before).length !== 2) throw new Error(`${signature} is not the function this migration knows`);
  await queryRunner.query(text.replace(before, () => after));
}

class RollUps1764001100000 {
  name = 'RollUps1764001100000';

  async up(queryRunner) {
    const [anchor, addition] = PARTITIONED;
    await queryRunner.query('lock table usage_requests in share row exclusive mode');
    await queryRunner.query(`${tableOf('usage_hours')} partition by range (starts_at)`);
    await queryRunner.query('create table usage_hours_default partition of usage_hours default');
    await queryRunner.query(tableOf('usage_days'));
    // What lies before has been dropped: rows, or hourly sums.
    await queryRunner.query(`create table usage_horizons (
      of text not null, at timestamptz not null, constraint pk_usage_horizons primary key (of))`);
    await queryRunner.query('create index ix_usage_hours_team_id on usage_hours (team_id, starts_at)');
    await queryRunner.query('create index ix_usage_days_team_id on usage_days (team_id, starts_at)');
    await rewrite(queryRunner, 'usage_ensure_partitions(integer)', anchor, anchor + addition);
    await queryRunner.query('select usage_ensure_partitions(2)');
    for (const [, statement] of FUNCTIONS) await queryRunner.query(statement);
    for (const [table, unit] of Object.entries(TABLES)) {
      await queryRunner.query(rollUp(table, unit, '(select 1 as sign, u.* from usage_requests u) as r'));
    }
    await queryRunner.query(`
      create trigger usage_requests_rolled_up after insert on usage_requests referencing new table as inserted
      for each statement execute function usage_roll_up_inserted()`);
    await queryRunner.query(`
      create trigger usage_requests_rolled_up_again after update on usage_requests
      referencing old table as before_update new table as after_update
      for each statement execute function usage_roll_up_updated()`);
  }

  async down(queryRunner) {
    const [anchor, addition] = PARTITIONED;
    await queryRunner.query('drop trigger usage_requests_rolled_up_again on usage_requests');
    await queryRunner.query('drop trigger usage_requests_rolled_up on usage_requests');
    for (const [signature] of [...FUNCTIONS].reverse()) await queryRunner.query(`drop function ${signature}`);
    await rewrite(queryRunner, 'usage_ensure_partitions(integer)', anchor + addition, anchor);
    await queryRunner.query('drop table usage_horizons');
    await queryRunner.query('drop table usage_days');
    await queryRunner.query('drop table usage_hours');
  }
}

module.exports = { RollUps1764001100000 };
