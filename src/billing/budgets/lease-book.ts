import type { NanoUsd } from '../../core/money';

/** What one attempt holds of one budget. */
export interface Hold {
  readonly budgetId: string;
  readonly leaseId: string;
}

/** What one attempt holds: the same amount of each of its budgets. */
export interface Reservation {
  readonly amountNanoUsd: NanoUsd;
  readonly holds: readonly Hold[];
}

/** A part of a budget's period that this process may spend without asking. */
interface Lease {
  readonly id: string;
  readonly budgetId: string;
  /** Free to be reserved. Below zero after a call that cost more than it had reserved: then nothing is free. */
  freeNanoUsd: NanoUsd;
  /** Monotonic: nothing is reserved later than this. */
  usableUntilMs: number;
  /** Monotonic: the period is over, or a top-up that counted. */
  endsAtMs: number;
  /** Spent, but not yet in the database. */
  unstoredNanoUsd: NanoUsd;
  /** Attempts that began under this lease and are not yet in the database. */
  outstanding: number;
  /** Nothing new is reserved; it is closed once nothing is outstanding. */
  isRetired: boolean;
  /** Little is left of the budget: what is free goes back at once. */
  isTight: boolean;
  /** What the authority holds may differ from what we know: the answer to a call was lost. */
  isLeaky: boolean;
  /** Reserved since the last look. */
  recentNanoUsd: NanoUsd;
  /** Reserved in a second, smoothed. */
  rateNanoUsd: NanoUsd;
  renewedAtMs: number;
}

export interface Grant {
  readonly leaseId: string;
  readonly budgetId: string;
  readonly grantedNanoUsd: NanoUsd;
  readonly isTight: boolean;
  /** Monotonic time before which the request for it was sent. */
  readonly askedAtMs: number;
  /** From `askedAtMs`: then the period is over, or a top-up that counted; Infinity: neither ends. */
  readonly endsInMs: number;
}

export interface LeaseUpkeep {
  readonly leaseId: string;
  readonly returnNanoUsd: NanoUsd;
}

/** How long a lease lives without a sign from its holder, and when the holder stops using it: clocks run apart by less. */
export const LEASE_TTL_MS = 30_000;
const USABLE_SHARE = 0.8;
const RENEW_AFTER_MS = LEASE_TTL_MS / 3;
/** Kept free for the traffic of the next seconds. */
const SECONDS_KEPT = 4n;
/** A slice serves this many calls like the present one, when nothing is known of the traffic. */
const CALLS_PER_SLICE = 16n;
/** Leases at once: budgets of this process, and old leases that wait for their attempts to be stored. */
const MAX_LEASES = 50_000;

/**
 * The leases of this process: pure bookkeeping, no clock, no database. Invariant: what is free plus what is reserved plus
 * what is spent and not yet stored never exceeds what the authority counts as leased to us.
 */
export class LeaseBook {
  private readonly current = new Map<string, Lease>();
  private readonly leases = new Map<string, Lease>();
  private sequence = 0;

  constructor(private readonly instanceId: string) {}

  get size(): number {
    return this.leases.size;
  }

  get isFull(): boolean {
    return this.leases.size >= MAX_LEASES;
  }

  /**
   * The lease to ask more for; a new id when there is none to go on with. One that was silent for too long may have been
   * taken from us: it is never revived.
   */
  leaseIdFor(budgetId: string, nowMs: number): string {
    const lease = this.current.get(budgetId);
    if (lease && nowMs < lease.endsAtMs && nowMs < lease.usableUntilMs) return lease.id;
    if (lease) this.retire(lease.id);
    this.sequence += 1;
    return `${this.instanceId}/${this.sequence}`;
  }

  /** What can be reserved at once. */
  free(budgetId: string, nowMs: number): NanoUsd {
    const lease = this.current.get(budgetId);
    if (!lease || nowMs >= lease.usableUntilMs || nowMs >= lease.endsAtMs) return 0n;
    return lease.freeNanoUsd > 0n ? lease.freeNanoUsd : 0n;
  }

  /** Reserves the amount of every budget, or nothing at all. */
  take(budgetIds: readonly string[], amountNanoUsd: NanoUsd, nowMs: number): Reservation | null {
    for (const budgetId of budgetIds) if (this.free(budgetId, nowMs) < amountNanoUsd) return null;
    const holds = budgetIds.map((budgetId) => this.hold(budgetId, amountNanoUsd));
    return { amountNanoUsd, holds };
  }

  /** Undoes a reservation under which nothing was ever on record. */
  release({ holds, amountNanoUsd }: Reservation): void {
    for (const { leaseId } of holds) {
      const lease = this.leases.get(leaseId);
      if (!lease) continue;
      lease.freeNanoUsd += amountNanoUsd;
      lease.outstanding -= 1;
    }
  }

  /** The attempt has ended: what it did not need is free again. */
  settle({ holds, amountNanoUsd }: Reservation, actualNanoUsd: NanoUsd): void {
    for (const { leaseId } of holds) {
      const lease = this.leases.get(leaseId);
      if (!lease) continue;
      lease.freeNanoUsd += amountNanoUsd - actualNanoUsd;
      lease.unstoredNanoUsd += actualNanoUsd;
    }
  }

  /** The attempt is in the database, and the authority has booked its cost. */
  stored(leaseId: string, actualNanoUsd: NanoUsd): void {
    const lease = this.leases.get(leaseId);
    if (!lease) return;
    lease.outstanding -= 1;
    lease.unstoredNanoUsd -= actualNanoUsd;
  }

  /** What this process has spent of a budget and the authority does not know yet. */
  unstored(budgetId: string): NanoUsd {
    return this.current.get(budgetId)?.unstoredNanoUsd ?? 0n;
  }

  grant(grant: Grant): void {
    const lease = this.leases.get(grant.leaseId) ?? this.open(grant);
    lease.freeNanoUsd += grant.grantedNanoUsd;
    lease.isTight = grant.isTight;
    lease.endsAtMs = Math.min(lease.endsAtMs, grant.askedAtMs + grant.endsInMs);
    if (grant.grantedNanoUsd > 0n) this.renewed(grant.leaseId, grant.askedAtMs);
  }

  /** The lease lives on; `askedAtMs` is when the request for it was sent. */
  renewed(leaseId: string, askedAtMs: number): void {
    const lease = this.leases.get(leaseId);
    if (!lease || lease.isRetired) return;
    lease.renewedAtMs = Math.max(lease.renewedAtMs, askedAtMs);
    lease.usableUntilMs = lease.renewedAtMs + LEASE_TTL_MS * USABLE_SHARE;
  }

  /** Nothing more is reserved under this lease. */
  retire(leaseId: string): void {
    const lease = this.leases.get(leaseId);
    if (!lease) return;
    lease.isRetired = true;
    if (this.current.get(lease.budgetId) === lease) this.current.delete(lease.budgetId);
  }

  /** The authority may have done what we asked, or not. Unknown leases are remembered, so that they are closed. */
  doubt(leaseId: string, budgetId: string, nowMs: number): void {
    const known = this.leases.get(leaseId);
    if (known) known.isLeaky = true;
    else {
      this.open({ leaseId, budgetId, grantedNanoUsd: 0n, isTight: true, askedAtMs: nowMs, endsInMs: Infinity });
      this.retire(leaseId);
    }
  }

  /** All that is free is to go back with the next upkeep: the limit was lowered. */
  tightenLease(leaseId: string): void {
    const lease = this.leases.get(leaseId);
    if (lease) lease.isTight = true;
  }

  /** Sets what is free of all budgets aside for the next upkeep: one of them was changed. */
  tightenAll(): void {
    for (const lease of this.leases.values()) lease.isTight = true;
  }

  /** How much more than asked for is worth taking along. */
  slackFor(budgetId: string, amountNanoUsd: NanoUsd): NanoUsd {
    const rate = this.current.get(budgetId)?.rateNanoUsd ?? 0n;
    const byRate = SECONDS_KEPT * rate;
    const byCall = CALLS_PER_SLICE * amountNanoUsd;
    return byRate > byCall ? byRate : byCall;
  }

  /** Whether a budget's free part is about to run out while there is plenty to be had. */
  isLow(budgetId: string): boolean {
    const lease = this.current.get(budgetId);
    return lease !== undefined && !lease.isTight && lease.freeNanoUsd < lease.rateNanoUsd;
  }

  /** Measures the traffic; call it once a second. Ended periods and doubtful or unused leases are retired. */
  measure(nowMs: number): void {
    for (const lease of this.leases.values()) {
      const isIdle = lease.recentNanoUsd === 0n && lease.rateNanoUsd === 0n;
      // Slow to rise and quick to fall: money that nobody uses goes back.
      lease.rateNanoUsd =
        lease.recentNanoUsd === 0n ? lease.rateNanoUsd / 16n : (lease.rateNanoUsd + lease.recentNanoUsd) / 2n;
      lease.recentNanoUsd = 0n;
      if (isIdle && lease.outstanding === 0) this.retire(lease.id);
      else if (lease.isLeaky || nowMs >= lease.endsAtMs) this.retire(lease.id);
    }
  }

  /**
   * Leases that give something back, or whose sign of life is due. What is given back is no longer free from here on: it is
   * lost to us even when the answer never comes.
   */
  upkeep(nowMs: number, mayReturn = true): LeaseUpkeep[] {
    const due: LeaseUpkeep[] = [];
    for (const lease of this.leases.values()) {
      const returnNanoUsd = mayReturn ? this.surplus(lease) : 0n;
      if (returnNanoUsd === 0n && nowMs - lease.renewedAtMs < RENEW_AFTER_MS) continue;
      lease.freeNanoUsd -= returnNanoUsd;
      due.push({ leaseId: lease.id, returnNanoUsd });
    }
    return due;
  }

  /** Whether others may be waiting for what is free under one of these leases. */
  isWanted(holds: readonly Hold[]): boolean {
    return holds.some(({ leaseId }) => this.leases.get(leaseId)?.isTight);
  }

  /** What a failed upkeep was about. */
  doubtAll(upkeep: readonly LeaseUpkeep[]): void {
    for (const { leaseId, returnNanoUsd } of upkeep) {
      const lease = this.leases.get(leaseId);
      if (lease && returnNanoUsd > 0n) lease.isLeaky = true;
    }
  }

  /** Retired leases of which everything is stored: what the authority still counts is nobody's. */
  closable(): string[] {
    return [...this.leases.values()].filter((lease) => lease.isRetired && lease.outstanding === 0).map(({ id }) => id);
  }

  closed(leaseIds: readonly string[]): void {
    for (const id of leaseIds) this.leases.delete(id);
  }

  retireAll(): void {
    for (const lease of this.leases.values()) this.retire(lease.id);
  }

  private open({ leaseId, budgetId, askedAtMs }: Grant): Lease {
    const lease: Lease = {
      id: leaseId,
      budgetId,
      freeNanoUsd: 0n,
      unstoredNanoUsd: 0n,
      usableUntilMs: askedAtMs,
      endsAtMs: Infinity,
      outstanding: 0,
      isRetired: false,
      isTight: false,
      isLeaky: false,
      recentNanoUsd: 0n,
      rateNanoUsd: 0n,
      renewedAtMs: askedAtMs,
    };
    this.leases.set(leaseId, lease);
    const before = this.current.get(budgetId);
    if (before) this.retire(before.id);
    this.current.set(budgetId, lease);
    return lease;
  }

  private hold(budgetId: string, amountNanoUsd: NanoUsd): Hold {
    const lease = this.current.get(budgetId);
    if (!lease) throw new Error(`no lease of ${budgetId}`);
    lease.freeNanoUsd -= amountNanoUsd;
    lease.recentNanoUsd += amountNanoUsd;
    lease.outstanding += 1;
    return { budgetId, leaseId: lease.id };
  }

  /** What is free beyond what the traffic of the next seconds needs. */
  private surplus(lease: Lease): NanoUsd {
    if (lease.freeNanoUsd <= 0n || lease.isLeaky) return 0n;
    if (lease.isRetired || lease.isTight) return lease.freeNanoUsd;
    const kept = SECONDS_KEPT * (lease.rateNanoUsd + lease.recentNanoUsd) * 2n;
    return lease.freeNanoUsd > kept ? lease.freeNanoUsd - kept : 0n;
  }
}
