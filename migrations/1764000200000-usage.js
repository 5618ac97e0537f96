const TOKENS = `
        input_tokens bigint not null default 0,
        cache_read_tokens bigint not null default 0,
        cache_write_5m_tokens bigint not null default 0,
        cache_write_1h_tokens bigint not null default 0,
        input_audio_tokens bigint not null default 0,
        output_tokens bigint not null default 0,
        reasoning_tokens bigint not null default 0,
        output_audio_tokens bigint not null default 0,
        web_searches bigint not null default 0`;

const WHO = `
        key_id text not null,
        key_name text not null,
        user_id text,
        team_id text not null,
        department_id text not null`;

/** One row for each request and for each call to a provider, by month. Amounts are nano-dollars, prices pico-dollars. */
class Usage1764000200000 {
  name = 'Usage1764000200000';

  async up(queryRunner) {
    await queryRunner.query(`
      create table usage_requests (
        id text not null,
        started_at timestamptz not null,
        ${WHO},
        endpoint text not null,
        dialect text not null,
        requested_model text,
        provider text,
        model text,
        served_model text,
        stream boolean not null,
        status integer not null,
        error_code text,
        cache_status text not null,
        attempts integer not null,
        fallback boolean not null,
        ${TOKENS},
        cost_nano_usd bigint not null,
        saved_nano_usd bigint not null,
        usage_source text,
        price_version text,
        config_version text not null,
        latency_ms integer,
        ttfb_ms integer,
        overhead_ms double precision,
        metadata jsonb,
        decisions jsonb,
        constraint pk_usage_requests primary key (id, started_at),
        constraint ck_usage_requests_cost check (cost_nano_usd >= 0 and saved_nano_usd >= 0)
      ) partition by range (started_at)`);
    await queryRunner.query(`
      create table usage_attempts (
        id text not null,
        request_id text not null,
        index integer not null,
        provider text not null,
        model text not null,
        served_model text,
        started_at timestamptz not null,
        status text not null,
        http_status integer,
        error text,
        ${TOKENS},
        usage_source text not null,
        price_id text not null,
        price_source text not null,
        price_version text not null,
        input_price_pico bigint not null,
        cache_read_price_pico bigint not null,
        cache_write_5m_price_pico bigint not null,
        cache_write_1h_price_pico bigint not null,
        input_audio_price_pico bigint not null,
        output_price_pico bigint not null,
        reasoning_price_pico bigint not null,
        output_audio_price_pico bigint not null,
        web_search_price_pico bigint not null,
        request_price_pico bigint not null,
        cost_nano_usd bigint not null,
        latency_ms integer,
        ttfb_ms integer,
        ${WHO},
        constraint pk_usage_attempts primary key (id, started_at),
        constraint ck_usage_attempts_cost check (cost_nano_usd >= 0),
        constraint ck_usage_attempts_status check (status in ('succeeded', 'failed', 'aborted', 'in_doubt')),
        constraint ck_usage_attempts_usage_source check (usage_source in ('provider', 'counted', 'reserved'))
      ) partition by range (started_at)`);
    for (const table of ['usage_requests', 'usage_attempts']) {
      await queryRunner.query(`create table ${table}_default partition of ${table} default`);
    }
    await queryRunner.query('create index ix_usage_requests_started_at on usage_requests (started_at desc, id desc)');
    for (const column of ['team_id', 'user_id', 'key_id', 'model']) {
      await queryRunner.query(
        `create index ix_usage_requests_${column} on usage_requests (${column}, started_at desc, id desc)`,
      );
    }
    await queryRunner.query('create index ix_usage_attempts_request_id on usage_attempts (request_id)');
    await queryRunner.query('create index ix_usage_attempts_started_at on usage_attempts (started_at desc)');
    await queryRunner.query(`
      create function usage_ensure_partitions(months_ahead integer) returns void language plpgsql as $$
      declare
        month timestamp := date_trunc('month', now() at time zone 'utc');
        parent text;
        child text;
      begin
        perform pg_advisory_xact_lock(7274012);
        for ahead in 0..months_ahead loop
          foreach parent in array array['usage_requests', 'usage_attempts'] loop
            child := parent || to_char(month, '_YYYY_MM');
            continue when to_regclass(child) is not null;
            begin
              execute format('create table %I partition of %I for values from (%L) to (%L)', child, parent,
                month at time zone 'utc', (month + interval '1 month') at time zone 'utc');
            exception when check_violation then
              -- Rows of that month are in the default partition already, and stay there.
              raise warning 'usage partition % not made: %', child, sqlerrm;
            end;
          end loop;
          month := month + interval '1 month';
        end loop;
      end $$`);
    await queryRunner.query('select usage_ensure_partitions(2)');
  }

  async down(queryRunner) {
    await queryRunner.query('drop function usage_ensure_partitions(integer)');
    await queryRunner.query('drop table usage_attempts');
    await queryRunner.query('drop table usage_requests');
  }
}

module.exports = { Usage1764000200000 };
