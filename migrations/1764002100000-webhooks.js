/**
 * Events and who is told of them. An event and its deliveries are made in one statement, so that none is lost and none comes
 * twice, whichever replica sees it first. Budgets are watched by a function, which counts what all replicas have stored.
 */
const TABLES = [
  `create table events (
    id text not null default 'evt_' || replace(gen_random_uuid()::text, '-', ''),
    type text not null,
    dedupe_key text not null,
    data jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint pk_events primary key (id),
    constraint uq_events_dedupe_key unique (dedupe_key)
  )`,
  'create index ix_events_created_at on events (created_at)',
  `create table webhooks (
    id text not null,
    name text not null,
    url text not null,
    events text[] not null,
    enabled boolean not null,
    allow_private_network boolean not null,
    sealed_secret text not null,
    created_at timestamptz not null default now(),
    constraint pk_webhooks primary key (id)
  )`,
  `create table webhook_deliveries (
    id text not null default 'dlv_' || replace(gen_random_uuid()::text, '-', ''),
    webhook_id text not null,
    event_id text not null,
    state text not null default 'pending',
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    status integer,
    error text,
    created_at timestamptz not null default clock_timestamp(),
    delivered_at timestamptz,
    constraint pk_webhook_deliveries primary key (id),
    constraint uq_webhook_deliveries_event unique (event_id, webhook_id),
    constraint fk_webhook_deliveries_webhook_id foreign key (webhook_id) references webhooks (id) on delete cascade,
    constraint fk_webhook_deliveries_event_id foreign key (event_id) references events (id) on delete cascade,
    constraint ck_webhook_deliveries_state check (state in ('pending', 'delivered', 'dead'))
  )`,
  'create index ix_webhook_deliveries_webhook on webhook_deliveries (webhook_id, created_at desc, id desc)',
  `create index ix_webhook_deliveries_due on webhook_deliveries (next_attempt_at) where state = 'pending'`,
  `create table provider_outages (
    provider text not null,
    instance_id text not null,
    since timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    constraint pk_provider_outages primary key (provider, instance_id)
  )`,
];

const PUBLISH = `
  create function publish_event(p_type text, p_data jsonb, p_dedupe_key text) returns boolean language plpgsql as $$
  declare v_id text;
  begin
    insert into events (type, data, dedupe_key) values (p_type, p_data, p_dedupe_key)
      on conflict (dedupe_key) do nothing returning id into v_id;
    if v_id is null then return false; end if;
    insert into webhook_deliveries (webhook_id, event_id)
      select w.id, v_id from webhooks w where w.enabled and p_type = any(w.events);
    if found then perform pg_notify('webhooks_due', ''); end if;
    return true;
  end $$`;

/** The current periods against their alerts. Cheap when nothing has been spent: what was told is not looked at again. */
const WATCH = `
  create function budget_watch() returns void language plpgsql as $$
  declare
    v_row record;
    v_fraction double precision;
    v_key text;
    v_data jsonb;
  begin
    if not pg_try_advisory_xact_lock(7274015) then return; end if;
    for v_row in
      select b.id, b.name, b.scope, b.scope_id, b.period, b.alerts, p.starts_at, p.ends_at,
        p.spent_nano_usd + p.unaccounted_nano_usd + p.overrun_nano_usd as spent, budget_allowed(b.id, p.starts_at) as allowed
      from budgets b join budget_periods p on p.budget_id = b.id
      where b.removed_at is null and p.ends_at > clock_timestamp()
        and p.spent_nano_usd + p.unaccounted_nano_usd + p.overrun_nano_usd > 0
    loop
      v_key := v_row.id || ' ' || extract(epoch from v_row.starts_at)::bigint || ' ';
      v_data := jsonb_build_object('budget_id', v_row.id, 'name', v_row.name, 'scope', v_row.scope, 'scope_id', v_row.scope_id,
        'period', v_row.period, 'period_starts_at', v_row.starts_at,
        'resets_at', case when v_row.ends_at = 'infinity' then null else v_row.ends_at end,
        'spent_usd', trim_scale(v_row.spent / 1000000000::numeric)::text,
        'limit_usd', trim_scale(v_row.allowed / 1000000000::numeric)::text);
      foreach v_fraction in array v_row.alerts loop
        continue when v_row.spent < v_fraction::numeric * v_row.allowed
          or exists (select 1 from events e where e.dedupe_key = 'budget.threshold ' || v_key || v_fraction);
        perform publish_event('budget.threshold', v_data || jsonb_build_object('threshold', v_fraction),
          'budget.threshold ' || v_key || v_fraction);
      end loop;
      if v_row.spent >= v_row.allowed
        and not exists (select 1 from events e where e.dedupe_key = 'budget.exceeded ' || v_key) then
        perform publish_event('budget.exceeded', v_data || jsonb_build_object('reason', 'spent'), 'budget.exceeded ' || v_key);
      end if;
    end loop;
  end $$`;

/** A hard budget refused a call: it is used up for that call, though a little may be left. */
const REFUSED = `
  create function budget_refused(p_budget text) returns void language plpgsql as $$
  declare v_row record;
  begin
    select b.*, p.starts_at, p.ends_at, p.spent_nano_usd + p.unaccounted_nano_usd + p.overrun_nano_usd as spent,
      budget_allowed(b.id, p.starts_at) as allowed into v_row
    from budgets b join budget_periods p on p.budget_id = b.id
    where b.id = p_budget and p.starts_at = budget_period_at(p_budget, clock_timestamp());
    if not found then return; end if;
    perform publish_event('budget.exceeded', jsonb_build_object('budget_id', v_row.id, 'name', v_row.name, 'scope', v_row.scope,
        'scope_id', v_row.scope_id, 'period', v_row.period, 'period_starts_at', v_row.starts_at,
        'resets_at', case when v_row.ends_at = 'infinity' then null else v_row.ends_at end,
        'spent_usd', trim_scale(v_row.spent / 1000000000::numeric)::text,
        'limit_usd', trim_scale(v_row.allowed / 1000000000::numeric)::text, 'reason', 'refused'),
      'budget.exceeded ' || v_row.id || ' ' || extract(epoch from v_row.starts_at)::bigint || ' ');
  end $$`;

/**
 * What one replica sees of the providers. A provider is down while any live replica says so; a replica that is silent for a
 * minute says nothing any more. Down and up are told once, by whoever changes it.
 */
const OUTAGES = `
  create function provider_report(p_instance text, p_down text[]) returns void language plpgsql as $$
  declare
    v_before text[];
    v_provider text;
  begin
    perform pg_advisory_xact_lock(7274016);
    v_before := array(select distinct provider from provider_outages);
    insert into provider_outages as o (provider, instance_id) select unnest(p_down), p_instance
      on conflict (provider, instance_id) do update set seen_at = clock_timestamp();
    for v_provider in select distinct o.provider from provider_outages o where o.provider <> all(v_before) loop
      perform publish_event('provider.down', jsonb_build_object('provider', v_provider, 'since', clock_timestamp()),
        'provider.down ' || v_provider || ' ' || extract(epoch from clock_timestamp()));
    end loop;
    delete from provider_outages where instance_id = p_instance and provider <> all(p_down)
      or seen_at < clock_timestamp() - interval '1 minute';
    foreach v_provider in array v_before loop
      if not exists (select 1 from provider_outages o where o.provider = v_provider) then
        perform publish_event('provider.up', jsonb_build_object('provider', v_provider, 'since', clock_timestamp()),
          'provider.up ' || v_provider || ' ' || extract(epoch from clock_timestamp()));
      end if;
    end loop;
  end $$`;

/**
 * A key whose last hour cost more than five times the dearest hour of its fortnight before, and at least a dollar. A key
 * needs three days of history: what is new has no habit. Told once a day (UTC).
 */
const SPENDING = `
  create function key_spending_watch() returns void language plpgsql as $$
  declare v_row record;
  begin
    if not pg_try_advisory_xact_lock(7274017) then return; end if;
    for v_row in
      with recent as (
        select r.key_id, max(r.key_name) as name, max(r.team_id) as team_id, sum(r.cost_nano_usd) as spent from usage_requests r
        where r.started_at > now() - interval '1 hour' group by r.key_id having sum(r.cost_nano_usd) >= 1000000000)
      select recent.*, habit.busiest from recent cross join lateral (
        select max(hourly.cost) as busiest, min(hourly.hour) as first from (
          select date_trunc('hour', u.started_at) as hour, sum(u.cost_nano_usd) as cost from usage_requests u
          where u.key_id = recent.key_id and u.started_at > now() - interval '14 days'
            and u.started_at <= now() - interval '1 hour' group by 1) hourly) habit
      where habit.first < now() - interval '3 days' and recent.spent > 5 * habit.busiest
    loop
      perform publish_event('key.anomaly', jsonb_build_object('key_id', v_row.key_id, 'name', v_row.name,
          'team_id', v_row.team_id, 'last_hour_usd', trim_scale(v_row.spent / 1000000000::numeric)::text,
          'busiest_hour_usd', trim_scale(v_row.busiest / 1000000000::numeric)::text),
        'key.anomaly ' || v_row.key_id || ' ' || to_char(now() at time zone 'utc', 'YYYY-MM-DD'));
    end loop;
  end $$`;

class Webhooks1764002100000 {
  name = 'Webhooks1764002100000';

  async up(queryRunner) {
    for (const statement of [...TABLES, PUBLISH, WATCH, REFUSED, OUTAGES, SPENDING]) await queryRunner.query(statement);
  }

  async down(queryRunner) {
    for (const signature of [
      'key_spending_watch()',
      'provider_report(text, text[])',
      'budget_refused(text)',
      'budget_watch()',
      'publish_event(text, jsonb, text)',
    ])
      await queryRunner.query(`drop function ${signature}`);
    for (const table of ['provider_outages', 'webhook_deliveries', 'webhooks', 'events'])
      await queryRunner.query(`drop table ${table}`);
  }
}

module.exports = { Webhooks1764002100000 };
