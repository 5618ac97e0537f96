/**
 * The double-entry ledger of what calls cost. Amounts are nano-dollars; positive is a debit, negative a credit, and a
 * transaction of the ledger, which is one transaction of the database, comes to zero. Accounts:
 *
 * - of a budget's period: `available` (what was taken from its limit, as a credit), `leased`, `spent`, `unaccounted`,
 *   `overrun`. They come to zero for each period;
 * - `payable` of a provider, `expense` of a department, and `adjustments` of a department, where corrections go.
 *
 * The columns of budget_periods are a cache of the balances. An attempt is booked by the transaction that stores its row
 * and names it: its id is its posting's.
 */
const TABLES = [
  'create sequence ledger_txn_ids',
  `create table ledger_txns (
    id bigint not null,
    at timestamptz not null,
    note text,
    constraint pk_ledger_txns primary key (id, at)
  ) partition by range (at)`,
  `create table ledger_postings (
    txn_id bigint not null,
    at timestamptz not null,
    account text not null,
    subject text not null,
    period_starts_at timestamptz,
    kind text not null,
    reference text,
    amount_nano_usd bigint not null,
    constraint ck_ledger_postings_account check (account in
      ('available', 'leased', 'spent', 'unaccounted', 'overrun', 'payable', 'expense', 'adjustments')),
    constraint ck_ledger_postings_kind check (kind in
      ('opening', 'lease', 'return', 'silence', 'usage', 'correction', 'carried')),
    constraint ck_ledger_postings_period check ((period_starts_at is null) = (account in ('payable', 'expense', 'adjustments'))),
    constraint ck_ledger_postings_amount check (amount_nano_usd <> 0)
  ) partition by range (at)`,
  'create table ledger_txns_default partition of ledger_txns default',
  'create table ledger_postings_default partition of ledger_postings default',
  'create index ix_ledger_postings_txn_id on ledger_postings (txn_id)',
  // What usage rows that were dropped came to, so that the books can still be held against the rows.
  `create table ledger_archived (
    account text not null,
    subject text not null,
    amount_nano_usd numeric not null,
    constraint pk_ledger_archived primary key (account, subject)
  )`,
];

/** The ledger's transaction of this transaction, begun when there is none. */
const CURRENT_TXN = `
  create function ledger_current_txn() returns bigint language plpgsql volatile as $$
  declare v_txn text := current_setting('ledger.txn', true);
  begin
    if v_txn is null or v_txn = '' then
      v_txn := nextval('ledger_txn_ids')::text;
      insert into ledger_txns (id, at) values (v_txn::bigint, now());
      perform set_config('ledger.txn', v_txn, true);
    end if;
    return v_txn::bigint;
  end $$`;

/** Moves money of a budget's period from one account to another. */
const MOVE = `
  create function ledger_move(p_kind text, p_budget text, p_starts_at timestamptz, p_from text, p_to text, p_amount bigint,
    p_reference text default null) returns void language plpgsql as $$
  declare v_txn bigint;
  begin
    if p_amount = 0 then return; end if;
    v_txn := ledger_current_txn();
    insert into ledger_postings (txn_id, at, account, subject, period_starts_at, kind, reference, amount_nano_usd) values
      (v_txn, now(), p_from, p_budget, p_starts_at, p_kind, p_reference, -p_amount),
      (v_txn, now(), p_to, p_budget, p_starts_at, p_kind, p_reference, p_amount);
  end $$`;

const BALANCED = `
  create function ledger_must_balance() returns trigger language plpgsql as $$
  declare v_sum numeric;
  begin
    select sum(amount_nano_usd) into v_sum from ledger_postings where txn_id = new.id and at = new.at;
    if v_sum <> 0 then
      raise exception 'ledger transaction % does not balance: it comes to % nano-dollars', new.id, v_sum
        using errcode = 'integrity_constraint_violation';
    end if;
    return null;
  end $$`;

const NOT_CURRENT = `
  create function ledger_is_not_current() returns trigger language plpgsql as $$
  begin
    raise exception 'a posting belongs to the ledger transaction that is open, not to %', new.txn_id
      using errcode = 'integrity_constraint_violation';
  end $$`;

const IMMUTABLE = `
  create function ledger_is_immutable() returns trigger language plpgsql as $$
  begin
    raise exception 'the ledger is never changed: correct it with new postings'
      using errcode = 'integrity_constraint_violation';
  end $$`;

/** What the attempts of a statement cost: owed to their providers, spent by their departments. */
const BOOK_ATTEMPTS = `
  create function ledger_book_attempts() returns trigger language plpgsql as $$
  begin
    insert into ledger_postings (txn_id, at, account, subject, kind, amount_nano_usd)
      select ledger_current_txn(), now(), account, subject, 'usage', amount from (
        select 'payable' as account, provider as subject, -sum(cost_nano_usd) as amount from inserted group by provider
        union all
        select 'expense', department_id, sum(cost_nano_usd) from inserted group by department_id
      ) as posting where amount <> 0;
    return null;
  end $$`;

/** A changed cost of an attempt, in the budgets that paid for it. More than was paid is an overrun of a hard budget. */
const CORRECT_BUDGETS = `
  create function ledger_correct_budgets(p_attempt text, p_charges jsonb, p_started_at timestamptz, p_delta bigint)
  returns void language plpgsql as $$
  declare
    v_budget text;
    v_period budget_periods;
    v_overrun bigint;
  begin
    for v_budget in select value ->> 'budget' from jsonb_array_elements(p_charges) order by 1 loop
      select * into v_period from budget_periods p where p.budget_id = v_budget
        order by (p.starts_at <= p_started_at) desc, case when p.starts_at <= p_started_at then p.starts_at end desc, p.starts_at
        limit 1 for update;
      continue when not found;
      v_overrun := case when p_delta < 0 then -least(-p_delta, v_period.overrun_nano_usd)
        when v_period.enforced then p_delta else 0 end;
      update budget_periods p set overrun_nano_usd = p.overrun_nano_usd + v_overrun,
        spent_nano_usd = p.spent_nano_usd + p_delta - v_overrun
        where p.budget_id = v_budget and p.starts_at = v_period.starts_at;
      perform ledger_move('correction', v_budget, v_period.starts_at, 'available', 'overrun', v_overrun, p_attempt);
      perform ledger_move('correction', v_budget, v_period.starts_at, 'available', 'spent', p_delta - v_overrun, p_attempt);
    end loop;
  end $$`;

/** A corrected cost of stored attempts becomes new postings, and reaches the requests and the budgets. */
const CORRECT_ATTEMPTS = `
  create function ledger_correct_attempts() returns trigger language plpgsql as $$
  declare v_attempt record;
  begin
    perform 1 from budget_periods p where p.budget_id in (
      select charge ->> 'budget' from after_update n join before_update o on n.id = o.id and n.started_at = o.started_at,
        jsonb_array_elements(n.charges) as charge where n.cost_nano_usd <> o.cost_nano_usd)
      order by p.budget_id, p.starts_at for update;
    for v_attempt in
      select n.*, n.cost_nano_usd - o.cost_nano_usd as delta
      from after_update n join before_update o on n.id = o.id and n.started_at = o.started_at
      where n.cost_nano_usd <> o.cost_nano_usd order by n.id
    loop
      insert into ledger_postings (txn_id, at, account, subject, kind, reference, amount_nano_usd) values
        (ledger_current_txn(), now(), 'payable', v_attempt.provider, 'correction', v_attempt.id, -v_attempt.delta),
        (ledger_current_txn(), now(), 'adjustments', v_attempt.department_id, 'correction', v_attempt.id, v_attempt.delta);
      perform ledger_correct_budgets(v_attempt.id, v_attempt.charges, v_attempt.started_at, v_attempt.delta);
    end loop;
    update usage_requests r set cost_nano_usd = r.cost_nano_usd + c.delta from (
      select n.request_id, sum(n.cost_nano_usd - o.cost_nano_usd)::bigint as delta
      from after_update n join before_update o on n.id = o.id and n.started_at = o.started_at
      where n.cost_nano_usd <> o.cost_nano_usd group by n.request_id
    ) as c where r.id = c.request_id and c.delta <> 0;
    return null;
  end $$`;

/** Posts what is there when the books are opened. */
const OPEN_BOOKS = `
  insert into ledger_postings (txn_id, at, account, subject, period_starts_at, kind, amount_nano_usd)
  select ledger_current_txn(), now(), account, subject, starts_at, 'opening', amount from (
    select account, budget_id as subject, starts_at, amount from budget_periods p, lateral (values
      ('leased', p.leased_nano_usd), ('spent', p.spent_nano_usd), ('unaccounted', p.unaccounted_nano_usd),
      ('overrun', p.overrun_nano_usd), ('available', -(p.leased_nano_usd + p.spent_nano_usd + p.unaccounted_nano_usd
        + p.overrun_nano_usd))) as balance (account, amount)
    union all
    select 'payable', provider, null, -sum(cost_nano_usd) from usage_attempts group by provider
    union all
    select 'expense', department_id, null, sum(cost_nano_usd) from usage_attempts group by department_id
  ) as posting where amount <> 0`;

/**
 * Closes the books of whole months: their postings are carried over as the balance of each account, and dropped. Lease
 * movements of periods that are over come to nothing, so what is carried is small.
 */
const CLOSE_BOOKS = `
  create function ledger_close_books(p_before timestamptz) returns integer language plpgsql as $$
  declare
    v_part record;
    v_count integer := 0;
  begin
    perform pg_advisory_xact_lock(7274012);
    -- What is carried over is posted in the present month, which stays.
    p_before := least(p_before, date_trunc('month', now(), 'UTC'));
    for v_part in select * from usage_partitions_before('ledger_postings', p_before) loop
      execute format('insert into ledger_postings (txn_id, at, account, subject, period_starts_at, kind, amount_nano_usd)
        select ledger_current_txn(), now(), account, subject, period_starts_at, ''carried'', sum(amount_nano_usd)
        from %I group by account, subject, period_starts_at having sum(amount_nano_usd) <> 0', v_part.name);
      execute format('drop table %I', v_part.name);
      v_count := v_count + 1;
    end loop;
    for v_part in select * from usage_partitions_before('ledger_txns', p_before) loop
      execute format('drop table %I', v_part.name);
    end loop;
    return v_count;
  end $$`;

/** Partitions of whole months that end at or before a time, the oldest first; never the default one. */
const PARTITIONS_BEFORE = `
  create function usage_partitions_before(p_parent text, p_before timestamptz) returns table (name text, ends timestamptz)
  language sql stable as $$
    select found.name, found.ends from (
      select c.relname::text as name,
        (to_date(right(c.relname, 7), 'YYYY_MM')::timestamp + interval '1 month') at time zone 'utc' as ends
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = p_parent::regclass and c.relname ~ '_[0-9]{4}_[0-9]{2}$'
    ) as found where found.ends <= p_before order by found.ends
  $$`;

const FUNCTIONS = [
  ['usage_partitions_before(text, timestamptz)', PARTITIONS_BEFORE],
  ['ledger_current_txn()', CURRENT_TXN],
  ['ledger_move(text, text, timestamptz, text, text, bigint, text)', MOVE],
  ['ledger_must_balance()', BALANCED],
  ['ledger_is_not_current()', NOT_CURRENT],
  ['ledger_is_immutable()', IMMUTABLE],
  ['ledger_book_attempts()', BOOK_ATTEMPTS],
  ['ledger_correct_budgets(text, jsonb, timestamptz, bigint)', CORRECT_BUDGETS],
  ['ledger_correct_attempts()', CORRECT_ATTEMPTS],
  ['ledger_close_books(timestamptz)', CLOSE_BOOKS],
];

const TRIGGERS = [
  `create constraint trigger ledger_txns_balanced after insert on ledger_txns
    deferrable initially deferred for each row execute function ledger_must_balance()`,
  `create trigger ledger_postings_current before insert on ledger_postings for each row
    when (new.at <> now() or new.txn_id::text is distinct from current_setting('ledger.txn', true))
    execute function ledger_is_not_current()`,
  ...['ledger_txns', 'ledger_postings'].flatMap((table) => [
    `create trigger ${table}_immutable before update or delete on ${table}
      for each row execute function ledger_is_immutable()`,
    `create trigger ${table}_kept before truncate on ${table}
      for each statement execute function ledger_is_immutable()`,
  ]),
  `create trigger usage_attempts_booked after insert on usage_attempts referencing new table as inserted
    for each statement execute function ledger_book_attempts()`,
  `create trigger usage_attempts_corrected after update on usage_attempts
    referencing old table as before_update new table as after_update
    for each statement execute function ledger_correct_attempts()`,
];

/** The functions of budgets post what they change, in the same breath. Each entry: function, what it says, what follows. */
const POSTINGS = [
  [
    'budget_acquire(text, integer, text[], text[], bigint[], integer[], integer[], bigint[])',
    `leased_nano_usd = p.leased_nano_usd + granted
            where p.budget_id = p_budgets[i] and p.starts_at = v_starts[i];`,
    `
          perform ledger_move('lease', p_budgets[i], v_starts[i], 'available', 'leased', granted);`,
  ],
  [
    'budget_close(text[])',
    'where p.budget_id = v_lease.budget_id and p.starts_at = v_lease.period_starts_at;',
    `
      perform ledger_move('return', v_lease.budget_id, v_lease.period_starts_at, 'leased', 'available', v_lease.amount_nano_usd);
      perform ledger_move('return', v_lease.budget_id, v_lease.period_starts_at, 'unaccounted', 'available',
        v_lease.unaccounted_nano_usd);`,
  ],
  [
    'budget_renew(integer, text[], bigint[])',
    '> budget_allowed(p.budget_id, p.starts_at) into over;',
    `
        perform ledger_move('return', v_lease.budget_id, v_lease.period_starts_at, 'leased', 'available', v_back);`,
  ],
  [
    'budget_sweep()',
    'where p.budget_id = v_lease.budget_id and p.starts_at = v_lease.period_starts_at;',
    `
      perform ledger_move('silence', v_lease.budget_id, v_lease.period_starts_at, 'leased', 'unaccounted',
        v_lease.unaccounted_nano_usd);`,
  ],
  [
    'budget_settle(text[], text[], bigint[], timestamptz[])',
    'where p.budget_id = p_budgets[i] and p.starts_at = v_starts[i];',
    `
      perform ledger_move('usage', p_budgets[i], v_starts[i], case when v_open then 'leased' else 'unaccounted' end, 'spent',
        v_paid);
      perform ledger_move('usage', p_budgets[i], v_starts[i], 'available', case when p.enforced then 'overrun' else 'spent' end,
        p_amounts[i] - v_paid) from budget_periods p where p.budget_id = p_budgets[i] and p.starts_at = v_starts[i]
        and p_amounts[i] <> v_paid;`,
  ],
  [
    'usage_ensure_partitions(integer)',
    `array['usage_requests', 'usage_attempts'`,
    `, 'ledger_txns', 'ledger_postings'`,
  ],
];

async function rewrite(queryRunner, signature, before, after) {
  const [{ text }] = await queryRunner.query(`select pg_get_functiondef('${signature}'::regprocedure) as text`);
  if (text.split(before).length !== 2) throw new Error(`${signature} is not the function this migration knows`);
  await queryRunner.query(text.replace(before, () => after));
}

class Ledger1764001000000 {
  name = 'Ledger1764001000000';

  async up(queryRunner) {
    // Nobody writes while the books are opened.
    await queryRunner.query('lock table usage_attempts, usage_requests in share row exclusive mode');
    await queryRunner.query('lock table budget_periods in share row exclusive mode');
    for (const statement of TABLES) await queryRunner.query(statement);
    for (const [, statement] of FUNCTIONS) await queryRunner.query(statement);
    for (const [signature, anchor, addition] of POSTINGS)
      await rewrite(queryRunner, signature, anchor, anchor + addition);
    await queryRunner.query('select usage_ensure_partitions(2)');
    for (const statement of TRIGGERS) await queryRunner.query(statement);
    // charges: which budgets paid; null in rows of versions that did not say.
    await queryRunner.query('alter table usage_attempts add column ledger_txn bigint, add column charges jsonb');
    await queryRunner.query('alter table usage_attempts alter column ledger_txn set default ledger_current_txn()');
    await queryRunner.query(OPEN_BOOKS);
  }

  async down(queryRunner) {
    await queryRunner.query('drop trigger usage_attempts_corrected on usage_attempts');
    await queryRunner.query('drop trigger usage_attempts_booked on usage_attempts');
    await queryRunner.query('alter table usage_attempts drop column charges, drop column ledger_txn');
    for (const [signature, anchor, addition] of POSTINGS)
      await rewrite(queryRunner, signature, anchor + addition, anchor);
    for (const table of ['ledger_archived', 'ledger_postings', 'ledger_txns'])
      await queryRunner.query(`drop table ${table}`);
    for (const [signature] of [...FUNCTIONS].reverse()) await queryRunner.query(`drop function ${signature}`);
    await queryRunner.query('drop sequence ledger_txn_ids');
  }
}

module.exports = { Ledger1764001000000 };
