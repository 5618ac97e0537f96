/**
 * Image tokens, service tiers, and prices that the management API sets. Overrides are only ever added: the newest of a
 * model is in force, one without prices takes the override back, and what was in force when stays known.
 */
const TOKENS = ['input_image_tokens', 'output_image_tokens'];
const PRICES = ['input_image_price_pico', 'output_image_price_pico'];

class Prices1764002000000 {
  name = 'Prices1764002000000';

  async up(queryRunner) {
    for (const column of TOKENS) {
      await queryRunner.query(`alter table usage_requests add column ${column} bigint not null default 0`);
      await queryRunner.query(`alter table usage_attempts add column ${column} bigint not null default 0`);
    }
    for (const column of PRICES) {
      await queryRunner.query(`alter table usage_attempts add column ${column} bigint not null default 0`);
    }
    await queryRunner.query('alter table usage_attempts add column service_tier text');
    await queryRunner.query(`
      create table price_overrides (
        version bigint generated always as identity,
        model text not null,
        prices jsonb,
        source text not null,
        created_at timestamptz not null default now(),
        constraint pk_price_overrides primary key (version),
        constraint ck_price_overrides_source check (source in ('api', 'import'))
      )`);
    await queryRunner.query('create index ix_price_overrides_model on price_overrides (model, version desc)');
    await queryRunner.query(`
      create function refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception 'rows of % are never changed', tg_table_name;
      end $$`);
    await queryRunner.query(`
      create trigger price_overrides_immutable before update or delete on price_overrides
      for each row execute function refuse_change()`);
    await queryRunner.query(`
      create function announce_price_change() returns trigger language plpgsql as $$
      begin
        perform pg_notify('prices_changed', '');
        return null;
      end $$`);
    await queryRunner.query(`
      create trigger price_overrides_changed after insert on price_overrides
      for each statement execute function announce_price_change()`);
  }

  async down(queryRunner) {
    await queryRunner.query('drop table price_overrides');
    await queryRunner.query('drop function announce_price_change()');
    await queryRunner.query('drop function refuse_change()');
    await queryRunner.query('alter table usage_attempts drop column service_tier');
    for (const column of PRICES) await queryRunner.query(`alter table usage_attempts drop column ${column}`);
    for (const column of TOKENS) {
      await queryRunner.query(`alter table usage_attempts drop column ${column}`);
      await queryRunner.query(`alter table usage_requests drop column ${column}`);
    }
  }
}

module.exports = { Prices1764002000000 };
