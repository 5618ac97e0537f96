import type { DataSource } from 'typeorm';
import { answeredWithin } from '../../core/answered-within';
import {
  BudgetAuthority,
  type AttemptAsk,
  type BudgetAnswer,
  type BudgetAsk,
  type RenewAnswer,
} from './budget-authority';
import { LEASE_TTL_MS, type LeaseUpkeep } from './lease-book';

/** Longer than any lock is held; a database that does not answer by then is away. */
const TIMEOUT_MS = 3_000;

interface AcquireRow {
  readonly state: BudgetAnswer['state'];
  readonly granted: string;
  readonly tight: boolean;
  readonly allowed: string | null;
  readonly fixed: string | null;
  readonly leased: string | null;
  readonly ends_in_ms: number | null;
  readonly resets_at: Date | null;
}

/** The authority over budgets: functions of PostgreSQL, each one short transaction (see the migration). */
export class PostgresBudgetAuthority extends BudgetAuthority {
  constructor(
    private readonly database: DataSource,
    private readonly instanceId: string,
    private readonly ttlMs = LEASE_TTL_MS,
  ) {
    super();
  }

  override async acquire(asks: readonly BudgetAsk[], attempts: readonly AttemptAsk[]): Promise<BudgetAnswer[]> {
    // Locks are taken in the order of the budgets, so that replicas never wait for each other in a circle.
    const order = asks.map((_, place) => place).sort((a, b) => compare(asks[a]?.budgetId, asks[b]?.budgetId));
    const sorted = order.map((place) => asks[place]).filter((ask) => ask !== undefined);
    const placeOf = new Map(order.map((place, index) => [place, index + 1]));
    const entries = attempts.flatMap((entry, attempt) => entry.map((part) => ({ attempt, ...part })));
    const rows = await this.query<AcquireRow>(
      'select * from budget_acquire($1, $2, $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::integer[], $8::bigint[]) order by place',
      [
        this.instanceId,
        this.ttlMs,
        sorted.map(({ budgetId }) => budgetId),
        sorted.map(({ leaseId }) => leaseId),
        sorted.map(({ slackNanoUsd }) => slackNanoUsd.toString()),
        entries.map(({ attempt }) => attempt),
        entries.map(({ place }) => placeOf.get(place) ?? 0),
        entries.map(({ amountNanoUsd }) => amountNanoUsd.toString()),
      ],
    );
    const answers: BudgetAnswer[] = [];
    order.forEach((place, index) => {
      const row = rows[index];
      if (row) answers[place] = toAnswer(row);
    });
    return answers;
  }

  override renew(leases: readonly LeaseUpkeep[]): Promise<RenewAnswer[]> {
    return this.query<RenewAnswer>(
      'select state, over as "isOver" from budget_renew($1, $2::text[], $3::bigint[]) order by place',
      [this.ttlMs, leases.map(({ leaseId }) => leaseId), leases.map(({ returnNanoUsd }) => returnNanoUsd.toString())],
    );
  }

  override async close(leaseIds: readonly string[]): Promise<void> {
    await this.query('select budget_close($1::text[])', [leaseIds]);
  }

  override async sweep(): Promise<void> {
    await this.query('select budget_sweep()', []);
  }

  private query<Row>(text: string, values: unknown[]): Promise<Row[]> {
    return answeredWithin(TIMEOUT_MS, this.database.query<Row[]>(text, values));
  }
}

const compare = (a = '', b = ''): number => {
  if (a === b) return 0;
  return a < b ? -1 : 1;
};

const toAnswer = (row: AcquireRow): BudgetAnswer => ({
  state: row.state,
  grantedNanoUsd: BigInt(row.granted),
  isTight: row.tight,
  endsInMs: row.ends_in_ms ?? Infinity,
  facts: {
    allowedNanoUsd: BigInt(row.allowed ?? 0),
    fixedNanoUsd: BigInt(row.fixed ?? 0),
    leasedNanoUsd: BigInt(row.leased ?? 0),
    resetsAt: row.resets_at,
  },
});
