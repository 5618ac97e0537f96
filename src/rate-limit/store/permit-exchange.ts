import type { Clock } from '../../platform/clock';
import type { BucketCount, LocalWindows } from './local-windows';
import { mostPermits, PermitDesk, type PermitRequest } from './permit-desk';
import { PERMIT_MS } from './permit-pool';
import type { Admission, Admitted } from './rate-limit.store';
import type { BatchReply, RedisBatch } from './redis-batch';
import type { MemberLink } from './redis.member-link';
import { bucketOf } from './window-ring';

export interface PermitExchangeOptions {
  readonly clock: Clock;
  readonly link: MemberLink;
  readonly local: LocalWindows;
  /** Takes back from the books and from the store what nobody used. */
  readonly correct: (correction: BucketCount) => void;
  /** There is something to `ask` for. */
  readonly onWanted: () => void;
}

/** Gets permits from the store, enters them in this replica's books and gives back what is left of them. */
export class PermitExchange {
  private readonly desk: PermitDesk;
  private sweeping: NodeJS.Timeout | undefined;

  constructor(private readonly options: PermitExchangeOptions) {
    this.desk = new PermitDesk(() => options.link.members);
  }

  /** Admits from permits in hand; null when the store has to be asked. */
  admit(admission: Admission): Admitted | null {
    if (this.desk.isIdle) return null;
    const { clock, link, onWanted } = this.options;
    const result = this.desk.admit(admission, clock.monotonic(), link.now());
    if (this.desk.isWanting) onWanted();
    return result;
  }

  /** The store has admitted, and its windows hold `sums` now. */
  admitted(admission: Admission, sums: readonly number[], buckets: readonly number[]): void {
    if (!this.desk.isIdle) {
      for (const [at, counter] of admission.counters.entries()) this.desk.observe(counter, sums[at]!, buckets[at]!);
    }
    this.desk.note(admission, this.options.clock.monotonic());
    if (this.desk.isWanting) this.options.onWanted();
  }

  unusedOf(key: string): number {
    return this.desk.unusedOf(key);
  }

  /** Asks for what is wanted, behind everything else in the batch. End with `answered` or `unanswered`. */
  ask(batch: RedisBatch): PermitRequest[] {
    const requests = this.desk.takeWanted();
    for (const request of requests) batch.permits(request);
    return requests;
  }

  /** @param results the store's answers to `requests`. @param askedAtMs on the monotonic clock, not after the store was asked. */
  answered(
    requests: readonly PermitRequest[],
    results: BatchReply['results'],
    { instantMs }: BatchReply,
    askedAtMs: number,
  ): void {
    for (const [index, request] of requests.entries()) {
      const [count = 0, sum = 0] = results[index] ?? [];
      const bucket = bucketOf(instantMs + PERMIT_MS, request.windowMs);
      if (count > 0) this.enter(request, { count, bucket, sum }, instantMs);
      this.desk.granted(request, { count, bucket, sum }, askedAtMs);
    }
    if (requests.length > 0) this.sweepSoon();
  }

  unanswered(requests: readonly PermitRequest[]): void {
    this.desk.unanswered(requests);
  }

  /** What the store has counted for an answer that came too late. */
  lateGrants(requests: readonly PermitRequest[], results: BatchReply['results'], instantMs: number): BucketCount[] {
    return requests.map(({ key, windowMs }, index) => ({
      key,
      windowMs,
      bucket: bucketOf(instantMs + PERMIT_MS, windowMs),
      count: results[index]?.[0] ?? 0,
    }));
  }

  /** Gives everything back. */
  close(): void {
    clearTimeout(this.sweeping);
    this.sweeping = undefined;
    this.giveBack(this.desk.close());
  }

  /** Permits are in the books as if they were used: so they come back with the rest when the store loses its data. */
  private enter(
    request: PermitRequest,
    { count, bucket, sum }: { count: number; bucket: number; sum: number },
    instantMs: number,
  ): void {
    const { link, local } = this.options;
    const unseen = (link.members - 1) * mostPermits(request.limit, link.members);
    local.recordPermits({ ...request, cost: count }, bucket, sum, instantMs, unseen);
  }

  private sweepSoon(): void {
    this.sweeping ??= setTimeout(() => {
      this.sweeping = undefined;
      this.giveBack(this.desk.takeUnused(this.options.clock.monotonic()));
      if (!this.desk.isIdle) this.sweepSoon();
    }, PERMIT_MS / 2).unref();
  }

  private giveBack(unused: readonly BucketCount[]): void {
    for (const permits of unused) this.options.correct({ ...permits, count: -permits.count });
  }
}
