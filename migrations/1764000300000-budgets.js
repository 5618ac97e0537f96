/**
 * Budgets, and the money of each of their periods. PostgreSQL is the authority: replicas take slices of a period as
 * leases and spend them in memory. Amounts are nano-dollars. Every function locks periods in the order of their key,
 * then touches leases, so that none waits for another in a circle.
 */
const TABLES = [
  `create table budgets (
    id text not null,
    name text not null,
    source text not null,
    scope text not null,
    scope_id text,
    limit_nano_usd bigint not null,
    period text not null,
    timezone text not null,
    hard boolean not null,
    alerts double precision[] not null,
    models text[],
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint pk_budgets primary key (id),
    constraint ck_budgets_source check (source in ('api', 'config')),
    constraint ck_budgets_scope check (scope in ('organization', 'department', 'team', 'user', 'key')),
    constraint ck_budgets_scope_id check ((scope = 'organization') = (scope_id is null)),
    constraint ck_budgets_period check (period in ('hour', 'day', 'week', 'month', 'total')),
    constraint ck_budgets_limit check (limit_nano_usd > 0)
  )`,
  `create unique index uq_budgets_config_name on budgets (name) where source = 'config' and removed_at is null`,
  // A top-up belongs to the period in which it was made: it never counts twice.
  `create table budget_top_ups (
    id text not null,
    budget_id text not null,
    period_starts_at timestamptz not null,
    amount_nano_usd bigint not null,
    expires_at timestamptz not null,
    reason text not null,
    created_at timestamptz not null default now(),
    constraint pk_budget_top_ups primary key (id),
    constraint fk_budget_top_ups_budget_id foreign key (budget_id) references budgets (id),
    constraint ck_budget_top_ups_amount check (amount_nano_usd > 0)
  )`,
  'create index ix_budget_top_ups_budget_id on budget_top_ups (budget_id)',
  // ceiling: the highest limit, top-ups included, that was in force. overrun: what a provider charged beyond what was
  // reserved for the call; it is spent all the same, and takes room from the calls to come.
  `create table budget_periods (
    budget_id text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    enforced boolean not null,
    ceiling_nano_usd bigint not null,
    spent_nano_usd bigint not null default 0,
    leased_nano_usd bigint not null default 0,
    unaccounted_nano_usd bigint not null default 0,
    overrun_nano_usd bigint not null default 0,
    constraint pk_budget_periods primary key (budget_id, starts_at),
    constraint fk_budget_periods_budget_id foreign key (budget_id) references budgets (id),
    constraint ck_budget_periods_order check (starts_at < ends_at),
    constraint ck_budget_periods_amounts check (
      spent_nano_usd >= 0 and leased_nano_usd >= 0 and unaccounted_nano_usd >= 0 and overrun_nano_usd >= 0),
    constraint ck_budget_periods_ceiling check (
      not enforced or spent_nano_usd + leased_nano_usd + unaccounted_nano_usd <= ceiling_nano_usd)
  )`,
  // amount: what the replica may still spend or has spent without telling. A charged lease has been silent for too long:
  // its amount counts as unaccounted until its settlements, or the end of its journal, turn up.
  `create table budget_leases (
    id text not null,
    budget_id text not null,
    period_starts_at timestamptz not null,
    instance_id text not null,
    amount_nano_usd bigint not null default 0,
    unaccounted_nano_usd bigint not null default 0,
    state text not null default 'open',
    expires_at timestamptz not null,
    constraint pk_budget_leases primary key (id),
    constraint fk_budget_leases_period foreign key (budget_id, period_starts_at) references budget_periods (budget_id, starts_at),
    constraint ck_budget_leases_state check (state in ('open', 'charged')),
    constraint ck_budget_leases_amounts check (amount_nano_usd >= 0 and unaccounted_nano_usd >= 0)
  )`,
  'create index ix_budget_leases_instance_id on budget_leases (instance_id)',
  'create index ix_budget_leases_period on budget_leases (budget_id, period_starts_at)',
  `create index ix_budget_leases_expires_at on budget_leases (expires_at) where state = 'open'`,
];

/** The calendar period around a time. The two hours step over a change of the clocks before the next start is looked for. */
const BOUNDS = `
  create function budget_bounds(p_period text, p_timezone text, p_at timestamptz, out starts timestamptz, out ends timestamptz)
  language plpgsql stable as $$
  begin
    if p_period = 'total' then
      starts := 'epoch';
      ends := 'infinity';
    elsif p_period = 'hour' then
      starts := date_trunc('hour', p_at, p_timezone);
      ends := starts + interval '1 hour';
    else
      starts := date_trunc(p_period, p_at, p_timezone);
      ends := date_trunc(p_period,
        ((starts at time zone p_timezone) + ('1 ' || p_period)::interval + interval '2 hours') at time zone p_timezone, p_timezone);
    end if;
  end $$`;

const ALLOWED = `
  create function budget_allowed(p_budget text, p_starts_at timestamptz) returns bigint language sql stable as $$
    select (least(9000000000000000000::numeric, b.limit_nano_usd + coalesce((select sum(t.amount_nano_usd) from budget_top_ups t
      where t.budget_id = b.id and t.period_starts_at = p_starts_at and t.expires_at > clock_timestamp()), 0)))::bigint
    from budgets b where b.id = p_budget
  $$`;

/** The start of the period that a time belongs to; made when it is new, never over one that exists. Null: no such budget. */
const PERIOD_AT = `
  create function budget_period_at(p_budget text, p_at timestamptz) returns timestamptz language plpgsql as $$
  declare
    v_budget budgets;
    v_starts timestamptz;
    v_ends timestamptz;
  begin
    select p.starts_at into v_starts from budget_periods p
      where p.budget_id = p_budget and p.starts_at <= p_at and p.ends_at > p_at order by p.starts_at desc limit 1;
    if found then return v_starts; end if;
    select * into v_budget from budgets where id = p_budget;
    if not found then return null; end if;
    select starts, ends into v_starts, v_ends from budget_bounds(v_budget.period, v_budget.timezone, p_at);
    select greatest(v_starts, max(p.ends_at)) into v_starts from budget_periods p
      where p.budget_id = p_budget and p.ends_at <= p_at;
    select least(v_ends, min(p.starts_at)) into v_ends from budget_periods p
      where p.budget_id = p_budget and p.starts_at > p_at;
    insert into budget_periods (budget_id, starts_at, ends_at, enforced, ceiling_nano_usd)
      values (p_budget, v_starts, v_ends, v_budget.hard, v_budget.limit_nano_usd) on conflict do nothing;
    return v_starts;
  end $$`;

/** After a change of the limit, a top-up, or of hard: keeps the ceiling at the highest limit in force in this period. */
const RAISE_CEILING = `
  create function budget_raise_ceiling(p_budget text) returns void language sql as $$
    update budget_periods p set enforced = b.hard,
      ceiling_nano_usd = greatest(p.ceiling_nano_usd, budget_allowed(p.budget_id, p.starts_at),
        p.spent_nano_usd + p.leased_nano_usd + p.unaccounted_nano_usd)
    from budgets b where b.id = p_budget and p.budget_id = p_budget and p.ends_at > clock_timestamp()
  $$`;

/**
 * Reserves for a list of attempts, each with all its budgets or not at all, in the order given; then adds slack to the
 * leases while there is plenty. Entries of the three last arrays belong together: attempt, place of its budget, amount.
 */
const ACQUIRE = `
  create function budget_acquire(p_instance text, p_ttl_ms integer, p_budgets text[], p_leases text[], p_slack bigint[],
    p_attempts integer[], p_places integer[], p_amounts bigint[])
  returns table (place integer, state text, granted bigint, tight boolean, allowed bigint, fixed bigint, leased bigint,
    ends_in_ms double precision, resets_at timestamptz)
  language plpgsql as $$
  declare
    v_now timestamptz := clock_timestamp();
    v_count integer := cardinality(p_budgets);
    v_entries integer := cardinality(p_attempts);
    v_starts timestamptz[];
    v_ends timestamptz[];
    v_state text[];
    v_room bigint[];
    v_allowed bigint[];
    v_fixed bigint[];
    v_leased bigint[];
    v_grant bigint[];
    v_refused boolean[];
    v_period budget_periods;
    v_lease budget_leases;
    v_first integer;
    v_next integer;
    v_fits boolean;
    v_extra bigint;
    v_replicas integer;
  begin
    for i in 1..v_count loop
      v_state[i] := 'open';
      v_grant[i] := 0;
      v_room[i] := 0;
      v_refused[i] := false;
      if not exists (select 1 from budgets b where b.id = p_budgets[i] and b.hard and b.removed_at is null) then
        v_state[i] := 'gone';
        continue;
      end if;
      v_starts[i] := budget_period_at(p_budgets[i], v_now);
      select * into v_period from budget_periods p where p.budget_id = p_budgets[i] and p.starts_at = v_starts[i] for update;
      v_ends[i] := v_period.ends_at;
      v_allowed[i] := budget_allowed(p_budgets[i], v_starts[i]);
      v_fixed[i] := v_period.spent_nano_usd + v_period.unaccounted_nano_usd + v_period.overrun_nano_usd;
      v_leased[i] := v_period.leased_nano_usd;
      v_room[i] := greatest(0, v_allowed[i] - v_fixed[i] - v_leased[i]);
      if not v_period.enforced then
        -- A hard budget whose period was made while it was soft.
        update budget_periods p set enforced = true, ceiling_nano_usd = greatest(p.ceiling_nano_usd, v_allowed[i],
          p.spent_nano_usd + p.leased_nano_usd + p.unaccounted_nano_usd)
          where p.budget_id = p_budgets[i] and p.starts_at = v_starts[i];
      end if;
      select * into v_lease from budget_leases l where l.id = p_leases[i] for update;
      if found and (v_lease.state <> 'open' or v_lease.period_starts_at <> v_starts[i]) then v_state[i] := 'stale'; end if;
    end loop;

    v_first := 1;
    while v_first <= v_entries loop
      v_next := v_first;
      v_fits := true;
      while v_next <= v_entries and p_attempts[v_next] = p_attempts[v_first] loop
        if v_state[p_places[v_next]] <> 'open' or v_room[p_places[v_next]] < p_amounts[v_next] then
          v_fits := false;
          v_refused[p_places[v_next]] := true;
        end if;
        v_next := v_next + 1;
      end loop;
      if v_fits then
        for i in v_first..v_next - 1 loop
          v_room[p_places[i]] := v_room[p_places[i]] - p_amounts[i];
          v_grant[p_places[i]] := v_grant[p_places[i]] + p_amounts[i];
        end loop;
      end if;
      v_first := v_next;
    end loop;

    for i in 1..v_count loop
      place := i;
      state := v_state[i];
      granted := 0;
      tight := true;
      if v_state[i] = 'open' then
        select count(*) into v_replicas from budget_leases l
          where l.budget_id = p_budgets[i] and l.period_starts_at = v_starts[i] and l.id <> p_leases[i];
        v_extra := case when v_refused[i] then 0 else least(p_slack[i], v_room[i] / (2 * (v_replicas + 1))) end;
        tight := v_refused[i] or v_extra < p_slack[i];
        granted := v_grant[i] + v_extra;
        if granted > 0 then
          insert into budget_leases as l (id, budget_id, period_starts_at, instance_id, amount_nano_usd, expires_at)
            values (p_leases[i], p_budgets[i], v_starts[i], p_instance, granted,
              clock_timestamp() + p_ttl_ms * interval '1 millisecond')
            on conflict (id) do update
            set amount_nano_usd = l.amount_nano_usd + excluded.amount_nano_usd, expires_at = excluded.expires_at;
          update budget_periods p set leased_nano_usd = p.leased_nano_usd + granted
            where p.budget_id = p_budgets[i] and p.starts_at = v_starts[i];
        end if;
        allowed := v_allowed[i];
        fixed := v_fixed[i];
        leased := v_leased[i] + granted;
        ends_in_ms := case when v_ends[i] = 'infinity' then null else extract(epoch from v_ends[i] - v_now) * 1000 end;
        resets_at := case when v_ends[i] = 'infinity' then null else v_ends[i] end;
      end if;
      return next;
    end loop;
  end $$`;

/** Locks the periods of these leases in order. */
const LOCK_PERIODS = `
  create function budget_lock_periods(p_leases text[]) returns void language sql as $$
    select 1 from budget_periods p
    where (p.budget_id, p.starts_at) in (select l.budget_id, l.period_starts_at from budget_leases l where l.id = any(p_leases))
    order by p.budget_id, p.starts_at for update
  $$`;

const CLOSE = `
  create function budget_close(p_leases text[]) returns void language plpgsql as $$
  declare v_lease record;
  begin
    perform budget_lock_periods(p_leases);
    for v_lease in delete from budget_leases l where l.id = any(p_leases) returning * loop
      update budget_periods p set leased_nano_usd = p.leased_nano_usd - v_lease.amount_nano_usd,
        unaccounted_nano_usd = p.unaccounted_nano_usd - v_lease.unaccounted_nano_usd
        where p.budget_id = v_lease.budget_id and p.starts_at = v_lease.period_starts_at;
    end loop;
  end $$`;

/** Everything of a process that is proved dead and whose journal has been stored to the end is given back. */
const CLOSE_INSTANCE = `
  create function budget_close_instance(p_instance text) returns void language sql as $$
    select budget_close(array(select id from budget_leases where instance_id = p_instance))
  $$`;

/** Gives back part of leases and renews them. The state tells whether the lease is still ours; over: the limit was lowered. */
const RENEW = `
  create function budget_renew(p_ttl_ms integer, p_leases text[], p_returns bigint[])
  returns table (place integer, state text, over boolean) language plpgsql as $$
  declare
    v_lease budget_leases;
    v_back bigint;
  begin
    perform budget_lock_periods(p_leases);
    for i in 1..cardinality(p_leases) loop
      place := i;
      over := false;
      select * into v_lease from budget_leases l where l.id = p_leases[i] for update;
      state := case when not found then 'gone' else v_lease.state end;
      if state = 'open' then
        v_back := least(p_returns[i], v_lease.amount_nano_usd);
        update budget_leases l set amount_nano_usd = l.amount_nano_usd - v_back,
          expires_at = clock_timestamp() + p_ttl_ms * interval '1 millisecond' where l.id = p_leases[i];
        update budget_periods p set leased_nano_usd = p.leased_nano_usd - v_back
          where p.budget_id = v_lease.budget_id and p.starts_at = v_lease.period_starts_at
          returning p.spent_nano_usd + p.leased_nano_usd + p.unaccounted_nano_usd + p.overrun_nano_usd
            > budget_allowed(p.budget_id, p.starts_at) into over;
      end if;
      return next;
    end loop;
  end $$`;

/** Leases whose holder has been silent for their whole time: all that is outstanding counts as unaccounted. */
const SWEEP = `
  create function budget_sweep() returns integer language plpgsql as $$
  declare
    v_expired text[];
    v_lease record;
    v_count integer := 0;
  begin
    v_expired := array(select id from budget_leases where state = 'open' and expires_at < clock_timestamp() limit 1000);
    if cardinality(v_expired) = 0 then return 0; end if;
    perform budget_lock_periods(v_expired);
    for v_lease in
      update budget_leases l set state = 'charged', unaccounted_nano_usd = l.amount_nano_usd, amount_nano_usd = 0
      where l.id = any(v_expired) and l.state = 'open' and l.expires_at < clock_timestamp() returning *
    loop
      update budget_periods p set leased_nano_usd = p.leased_nano_usd - v_lease.unaccounted_nano_usd,
        unaccounted_nano_usd = p.unaccounted_nano_usd + v_lease.unaccounted_nano_usd
        where p.budget_id = v_lease.budget_id and p.starts_at = v_lease.period_starts_at;
      v_count := v_count + 1;
    end loop;
    return v_count;
  end $$`;

/**
 * Books what attempts have cost: out of their lease, or, for a soft budget, in the period in which they began. What no
 * lease covers is an overrun of a hard budget. Never fails for a row: called in the transaction that stores usage.
 */
const SETTLE = `
  create function budget_settle(p_budgets text[], p_leases text[], p_amounts bigint[], p_started timestamptz[])
  returns void language plpgsql as $$
  declare
    v_starts timestamptz[];
    v_start timestamptz;
    v_lease budget_leases;
    v_paid bigint;
    v_open boolean;
  begin
    for i in 1..cardinality(p_budgets) loop
      select l.period_starts_at into v_start from budget_leases l where l.id = p_leases[i];
      if not found then v_start := budget_period_at(p_budgets[i], p_started[i]); end if;
      v_starts[i] := v_start;
    end loop;
    perform 1 from budget_periods p
      where (p.budget_id, p.starts_at) in (select k.budget_id, k.starts_at from unnest(p_budgets, v_starts) k (budget_id, starts_at))
      order by p.budget_id, p.starts_at for update;
    for i in 1..cardinality(p_budgets) loop
      continue when v_starts[i] is null;
      v_paid := 0;
      v_open := false;
      select * into v_lease from budget_leases l where l.id = p_leases[i] for update;
      if found then
        v_open := v_lease.state = 'open';
        v_paid := least(p_amounts[i], case when v_open then v_lease.amount_nano_usd else v_lease.unaccounted_nano_usd end);
        update budget_leases l set
          amount_nano_usd = l.amount_nano_usd - case when v_open then v_paid else 0 end,
          unaccounted_nano_usd = l.unaccounted_nano_usd - case when v_open then 0 else v_paid end
          where l.id = p_leases[i];
      end if;
      update budget_periods p set
        leased_nano_usd = p.leased_nano_usd - case when v_open then v_paid else 0 end,
        unaccounted_nano_usd = p.unaccounted_nano_usd - case when v_open then 0 else v_paid end,
        spent_nano_usd = p.spent_nano_usd + case when p.enforced then v_paid else p_amounts[i] end,
        overrun_nano_usd = p.overrun_nano_usd + case when p.enforced then p_amounts[i] - v_paid else 0 end
        where p.budget_id = p_budgets[i] and p.starts_at = v_starts[i];
    end loop;
  end $$`;

const ANNOUNCE = `
  create function announce_budget_change() returns trigger language plpgsql as $$
  begin
    perform pg_notify('budgets_changed', tg_table_name);
    return null;
  end $$`;

const FUNCTIONS = [
  ['budget_bounds(text, text, timestamptz)', BOUNDS],
  ['budget_allowed(text, timestamptz)', ALLOWED],
  ['budget_period_at(text, timestamptz)', PERIOD_AT],
  ['budget_raise_ceiling(text)', RAISE_CEILING],
  ['budget_acquire(text, integer, text[], text[], bigint[], integer[], integer[], bigint[])', ACQUIRE],
  ['budget_lock_periods(text[])', LOCK_PERIODS],
  ['budget_close(text[])', CLOSE],
  ['budget_close_instance(text)', CLOSE_INSTANCE],
  ['budget_renew(integer, text[], bigint[])', RENEW],
  ['budget_sweep()', SWEEP],
  ['budget_settle(text[], text[], bigint[], timestamptz[])', SETTLE],
  ['announce_budget_change()', ANNOUNCE],
];

class Budgets1764000300000 {
  name = 'Budgets1764000300000';

  async up(queryRunner) {
    for (const statement of TABLES) await queryRunner.query(statement);
    for (const [, statement] of FUNCTIONS) await queryRunner.query(statement);
    for (const table of ['budgets', 'budget_top_ups']) {
      await queryRunner.query(`
        create trigger ${table}_changed after insert or update or delete on ${table}
        for each statement execute function announce_budget_change()`);
    }
  }

  async down(queryRunner) {
    for (const table of ['budget_leases', 'budget_periods', 'budget_top_ups', 'budgets']) {
      await queryRunner.query(`drop table ${table}`);
    }
    for (const [signature] of [...FUNCTIONS].reverse()) await queryRunner.query(`drop function ${signature}`);
  }
}

module.exports = { Budgets1764000300000 };
