/** One statement about the books. Its rows are the differences: none when it holds. */
export interface LedgerCheck {
  readonly claim: string;
  /** Columns: what, booked, found. */
  readonly sql: string;
}

const PERIOD = `p.budget_id || ' from ' || to_char(p.starts_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI"Z"')`;

/** A balance of each account of each budget's period, next to what the cache says. */
const CACHED = `
  select ${PERIOD} || ', ' || cached.account as what, coalesce(posted.amount, 0) as booked, cached.amount as found
  from budget_periods p
  cross join lateral (values ('leased', p.leased_nano_usd), ('spent', p.spent_nano_usd),
    ('unaccounted', p.unaccounted_nano_usd), ('overrun', p.overrun_nano_usd)) as cached (account, amount)
  left join (
    select subject, period_starts_at, account, sum(amount_nano_usd) as amount from ledger_postings
    where period_starts_at is not null group by 1, 2, 3
  ) as posted on posted.subject = p.budget_id and posted.period_starts_at = p.starts_at and posted.account = cached.account
  where coalesce(posted.amount, 0) <> cached.amount order by 1`;

const LEASED = `
  select ${PERIOD} || ', ' || held.account as what, cached.amount as booked, coalesce(held.amount, 0) as found
  from budget_periods p
  cross join lateral (values ('leased', p.leased_nano_usd), ('unaccounted', p.unaccounted_nano_usd)) as cached (account, amount)
  cross join lateral (
    select cached.account, sum(case cached.account when 'leased' then l.amount_nano_usd else l.unaccounted_nano_usd end) as amount
    from budget_leases l where l.budget_id = p.budget_id and l.period_starts_at = p.starts_at
  ) as held
  where cached.amount <> coalesce(held.amount, 0) order by 1`;

/** What rows cost, those included that were dropped, next to what was posted for them. */
const ROWS = `
  select account || ' ' || subject as what, sum(booked) as booked, sum(found) as found from (
    select case account when 'adjustments' then 'expense' else account end, subject, amount_nano_usd, 0 from ledger_postings
      where account in ('payable', 'expense', 'adjustments')
    union all select 'payable', provider, 0, -cost_nano_usd from usage_attempts
    union all select 'expense', department_id, 0, cost_nano_usd from usage_attempts
    union all select account, subject, 0, amount_nano_usd from ledger_archived where account in ('payable', 'expense')
  ) as entry (account, subject, booked, found)
  group by account, subject having sum(booked) <> sum(found) order by 1`;

/** Holds when every row says who paid for it; rows of versions that did not say leave it open. */
const CHARGED = `
  select 'spent of ' || subject as what, sum(booked) as booked, sum(found) as found from (
    select subject, amount_nano_usd as booked, 0 as found from ledger_postings
      where account in ('spent', 'overrun') and kind in ('usage', 'correction')
    union all
    select charge ->> 'budget', 0, cost_nano_usd from usage_attempts, jsonb_array_elements(charges) as charge
    union all
    select subject, 0, amount_nano_usd from ledger_archived where account = 'spent'
  ) as entry
  where not exists (select 1 from usage_attempts where charges is null and ledger_txn is not null)
    and not exists (select 1 from ledger_postings where kind = 'carried')
  group by subject having sum(booked) <> sum(found) order by 1`;

/** Sums of rows, hour by hour, next to the roll-ups; hours whose rows were dropped have nothing to be compared with. */
const ROLLED_UP = `
  select to_char(starts_at at time zone 'utc', 'YYYY-MM-DD"T"HH24"Z"') || ', ' || figure as what, sum(rolled) as booked,
    sum(found) as found
  from (
    select h.starts_at, v.figure, v.amount as rolled, 0 as found from usage_hours h
      cross join lateral (values ('requests', h.requests), ('cost', h.cost_nano_usd), ('tokens', h.input_tokens + h.output_tokens))
        as v (figure, amount)
    union all
    select date_trunc('hour', r.started_at, 'UTC'), v.figure, 0, v.amount from usage_requests r
      cross join lateral (values ('requests', 1::bigint), ('cost', r.cost_nano_usd), ('tokens', r.input_tokens + r.output_tokens))
        as v (figure, amount)
  ) as entry
  where starts_at >= coalesce((select max(at) from usage_horizons), '-infinity')
  group by starts_at, figure having sum(rolled) <> sum(found) order by 1`;

export const LEDGER_CHECKS: readonly LedgerCheck[] = [
  {
    claim: 'every transaction comes to zero',
    sql: `select 'transaction ' || txn_id as what, 0 as booked, sum(amount_nano_usd) as found
      from ledger_postings group by txn_id having sum(amount_nano_usd) <> 0 order by 1`,
  },
  {
    claim: 'the accounts of every period of a budget come to zero',
    sql: `select subject || ' from ' || period_starts_at as what, 0 as booked, sum(amount_nano_usd) as found
      from ledger_postings where period_starts_at is not null
      group by subject, period_starts_at having sum(amount_nano_usd) <> 0 order by 1`,
  },
  { claim: 'the balances of budgets are the sums of their postings', sql: CACHED },
  { claim: 'what is leased and unaccounted is what the leases hold', sql: LEASED },
  { claim: 'what is owed to providers and spent by departments is what the calls cost', sql: ROWS },
  { claim: 'what budgets have spent is what the calls that they paid for cost', sql: CHARGED },
  { claim: 'the roll-ups are the sums of the requests', sql: ROLLED_UP },
];
