import type { Clock } from '../../../platform/clock';
import type { AttemptAsk, BudgetAnswer, BudgetAsk, RenewAnswer } from '../budget-authority';
import { BudgetAuthority } from '../budget-authority';
import { LEASE_TTL_MS, type LeaseUpkeep } from '../lease-book';

export interface ModelPeriod {
  endsAtMs: number;
  spent: bigint;
  leased: bigint;
  unaccounted: bigint;
  overrun: bigint;
}

interface ModelBudget {
  limit: bigint;
  /** Null: one period without end. */
  readonly periodMs: number | null;
  readonly periods: ModelPeriod[];
  isRemoved: boolean;
}

interface ModelLease {
  readonly budgetId: string;
  readonly period: ModelPeriod;
  readonly instanceId: string;
  amount: bigint;
  unaccounted: bigint;
  state: 'open' | 'charged';
  expiresAtMs: number;
}

export interface Booking {
  readonly attemptId: string;
  readonly budgetId: string;
  readonly leaseId: string;
  readonly amount: bigint;
}

const atLeastZero = (amount: bigint): bigint => (amount > 0n ? amount : 0n);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** What the functions of the migration do, in plain statements over maps: the reference that they are compared with. */
export class BudgetModel {
  readonly budgets = new Map<string, ModelBudget>();
  readonly leases = new Map<string, ModelLease>();
  readonly booked = new Set<string>();

  constructor(private readonly clock: Clock) {}

  add(id: string, limit: bigint, periodMs: number | null = null): void {
    this.budgets.set(id, { limit, periodMs, periods: [], isRemoved: false });
  }

  setLimit(id: string, limit: bigint): void {
    const budget = this.budgets.get(id);
    if (budget) budget.limit = limit;
  }

  /** The period of now; made when there is none. */
  periodOf(budgetId: string): ModelPeriod {
    const budget = this.budgets.get(budgetId);
    if (!budget) throw new Error(`no budget ${budgetId}`);
    const last = budget.periods.at(-1);
    if (last && last.endsAtMs > this.clock.now()) return last;
    const { periodMs } = budget;
    const endsAtMs = periodMs === null ? Infinity : (Math.floor(this.clock.now() / periodMs) + 1) * periodMs;
    const period: ModelPeriod = { endsAtMs, spent: 0n, leased: 0n, unaccounted: 0n, overrun: 0n };
    budget.periods.push(period);
    return period;
  }

  acquire(instanceId: string, asks: readonly BudgetAsk[], attempts: readonly AttemptAsk[]): BudgetAnswer[] {
    const places = asks.map((ask) => this.place(ask));
    for (const attempt of attempts) {
      const short = attempt.filter(({ place, amountNanoUsd }) => {
        const found = places[place];
        const isShort = found?.state !== 'open' || found.room < amountNanoUsd;
        if (found && isShort) found.isRefused = true;
        return isShort;
      });
      if (short.length > 0) continue;
      for (const { place, amountNanoUsd } of attempt) {
        const found = places[place];
        if (!found) continue;
        found.room -= amountNanoUsd;
        found.granted += amountNanoUsd;
      }
    }
    return places.map((found, index) => {
      const ask = asks[index];
      if (!ask || found.state !== 'open' || !found.period) return closedAnswer(found.state);
      const others = [...this.leases].filter(
        ([id, { period }]) => period === found.period && id !== ask.leaseId,
      ).length;
      const share = found.room / BigInt(2 * (others + 1));
      const extra = found.isRefused ? 0n : smaller(ask.slackNanoUsd, share);
      const granted = found.granted + extra;
      if (granted > 0n) this.grow(instanceId, ask, found.period, granted);
      return {
        state: 'open',
        grantedNanoUsd: granted,
        isTight: found.isRefused || extra < ask.slackNanoUsd,
        endsInMs: found.period.endsAtMs - this.clock.now(),
        facts: {
          allowedNanoUsd: found.allowed,
          fixedNanoUsd: found.fixed,
          leasedNanoUsd: found.period.leased,
          resetsAt: found.period.endsAtMs === Infinity ? null : new Date(found.period.endsAtMs),
        },
      };
    });
  }

  renew(due: readonly LeaseUpkeep[]): RenewAnswer[] {
    return due.map(({ leaseId, returnNanoUsd }) => {
      const lease = this.leases.get(leaseId);
      if (!lease) return { state: 'gone', isOver: false };
      if (lease.state !== 'open') return { state: lease.state, isOver: false };
      const back = smaller(returnNanoUsd, lease.amount);
      lease.amount -= back;
      lease.period.leased -= back;
      lease.expiresAtMs = this.clock.now() + LEASE_TTL_MS;
      const limit = this.budgets.get(lease.budgetId)?.limit ?? 0n;
      return { state: 'open', isOver: committed(lease.period) > limit };
    });
  }

  close(leaseIds: readonly string[]): void {
    for (const id of leaseIds) {
      const lease = this.leases.get(id);
      if (!lease) continue;
      lease.period.leased -= lease.amount;
      lease.period.unaccounted -= lease.unaccounted;
      this.leases.delete(id);
    }
  }

  closeInstance(instanceId: string): void {
    this.close([...this.leases].filter(([, lease]) => lease.instanceId === instanceId).map(([id]) => id));
  }

  sweep(): void {
    for (const lease of this.leases.values()) {
      if (lease.state !== 'open' || lease.expiresAtMs >= this.clock.now()) continue;
      lease.state = 'charged';
      lease.unaccounted = lease.amount;
      lease.period.leased -= lease.amount;
      lease.period.unaccounted += lease.amount;
      lease.amount = 0n;
    }
  }

  /** Attempts that are booked already are left alone. */
  settle(bookings: readonly Booking[]): void {
    const isNew = bookings.filter(({ attemptId }) => !this.booked.has(attemptId));
    for (const { attemptId } of isNew) this.booked.add(attemptId);
    for (const { leaseId, budgetId, amount } of isNew) {
      const lease = this.leases.get(leaseId);
      const period = lease?.period ?? this.periodOf(budgetId);
      const covered = lease?.state === 'open' ? lease.amount : (lease?.unaccounted ?? 0n);
      const paid = smaller(amount, covered);
      if (lease?.state === 'open') {
        lease.amount -= paid;
        period.leased -= paid;
      } else if (lease) {
        lease.unaccounted -= paid;
        period.unaccounted -= paid;
      }
      period.spent += paid;
      period.overrun += amount - paid;
    }
  }

  private grow(instanceId: string, ask: BudgetAsk, period: ModelPeriod, granted: bigint): void {
    const expiresAtMs = this.clock.now() + LEASE_TTL_MS;
    const lease = this.leases.get(ask.leaseId);
    period.leased += granted;
    if (lease) {
      lease.amount += granted;
      lease.expiresAtMs = expiresAtMs;
      return;
    }
    const { budgetId } = ask;
    this.leases.set(ask.leaseId, {
      budgetId,
      period,
      instanceId,
      amount: granted,
      unaccounted: 0n,
      state: 'open',
      expiresAtMs,
    });
  }

  private place({ budgetId, leaseId }: BudgetAsk) {
    const budget = this.budgets.get(budgetId);
    if (!budget || budget.isRemoved) {
      return { state: 'gone' as const, room: 0n, granted: 0n, isRefused: false, allowed: 0n, fixed: 0n, period: null };
    }
    const period = this.periodOf(budgetId);
    const lease = this.leases.get(leaseId);
    const isStale = lease !== undefined && (lease.state !== 'open' || lease.period !== period);
    const fixed = period.spent + period.unaccounted + period.overrun;
    return {
      state: isStale ? ('stale' as const) : ('open' as const),
      room: atLeastZero(budget.limit - fixed - period.leased),
      granted: 0n,
      isRefused: false,
      allowed: budget.limit,
      fixed,
      period,
    };
  }
}

export const committed = ({ spent, leased, unaccounted, overrun }: ModelPeriod): bigint =>
  spent + leased + unaccounted + overrun;

const closedAnswer = (state: BudgetAnswer['state']): BudgetAnswer => ({
  state,
  grantedNanoUsd: 0n,
  isTight: true,
  endsInMs: Infinity,
  facts: { allowedNanoUsd: 0n, fixedNanoUsd: 0n, leasedNanoUsd: 0n, resetsAt: null },
});

/** The model as an authority that answers at once. */
export class ModelAuthority extends BudgetAuthority {
  /** While true every call fails. */
  isAway = false;
  calls = 0;

  constructor(
    readonly model: BudgetModel,
    private readonly instanceId: string,
  ) {
    super();
  }

  override async acquire(asks: readonly BudgetAsk[], attempts: readonly AttemptAsk[]): Promise<BudgetAnswer[]> {
    this.check();
    return this.model.acquire(this.instanceId, asks, attempts);
  }

  override async renew(due: readonly LeaseUpkeep[]): Promise<RenewAnswer[]> {
    this.check();
    return this.model.renew(due);
  }

  override async close(leaseIds: readonly string[]): Promise<void> {
    this.check();
    this.model.close(leaseIds);
  }

  override async sweep(): Promise<void> {
    this.check();
    this.model.sweep();
  }

  private check(): void {
    this.calls += 1;
    if (this.isAway) throw new Error('connect ECONNREFUSED');
  }
}
