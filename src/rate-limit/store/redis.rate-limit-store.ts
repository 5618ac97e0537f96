import type { RedisClient } from '../../platform/redis/redis-client';
import type { Clock } from '../../platform/clock';
import { decodeAdmission, resetOf, slotState } from './admission-reply';
import { CorrectionQueue } from './correction-queue';
import { LocalWindows, type BucketCount } from './local-windows';
import type { PermitRequest } from './permit-desk';
import { PermitExchange } from './permit-exchange';
import {
  RateLimitStore,
  type Admission,
  type AdmissionResult,
  type Receipt,
  type UsageSnapshot,
  type WindowName,
} from './rate-limit.store';
import type { BatchReply, RedisBatch } from './redis-batch';
import { MemberLink } from './redis.member-link';
import { RedisWindowScript } from './redis.window-script';
import { SlotBook } from './slot-book';

const TIMEOUT_MS = 50;
/** Also how fast a recovering store hears from everybody; the script takes a second of silence for an outage. */
const HEARTBEAT_MS = 250;
/** Corrections wait this long for company. */
const SETTLE_MS = 25;
const ADMISSIONS_PER_CALL = 64;
const MERGES_PER_CALL = 200;
const DENY_RETRY_MS = 1_000;

export interface RedisStoreOptions {
  readonly client: RedisClient;
  readonly clock: Clock;
  /** Asked at every decision, so that a reload takes effect at once. */
  readonly policy: () => 'local_share' | 'deny' | 'allow';
  readonly onModeChange?: (degraded: boolean) => void;
  /** Told of every call that the store did not answer. */
  readonly onFailure?: (error: unknown) => void;
  readonly organization?: string;
  readonly timeoutMs?: number;
  /** Instead of the time of Redis: for tests and simulations. */
  readonly nowMs?: () => number;
}

interface Waiting {
  readonly admission: Admission;
  readonly resolve: (result: AdmissionResult) => void;
}

/** Windows shared by all replicas through Redis; while it does not answer, the policy decides from this replica's own books. */
export class RedisRateLimitStore extends RateLimitStore {
  private readonly local = new LocalWindows();
  private readonly script: RedisWindowScript;
  private readonly link: MemberLink;
  private readonly slots: SlotBook;
  private queue: Waiting[] = [];
  private readonly corrections = new CorrectionQueue();
  private readonly permits: PermitExchange;
  private flushing: NodeJS.Immediate | undefined;
  private settling: NodeJS.Timeout | undefined;
  private heartbeats: NodeJS.Timeout | undefined;
  private isBeating = false;
  private wasDegraded = false;

  constructor(private readonly options: RedisStoreOptions) {
    super();
    const { client, clock, organization = 'main', timeoutMs = TIMEOUT_MS, nowMs } = options;
    this.script = new RedisWindowScript({ client, organization, timeoutMs, nowMs });
    this.link = new MemberLink(this.script, this.local, clock, () => void this.corrections.take());
    this.permits = new PermitExchange({
      clock,
      link: this.link,
      local: this.local,
      correct: (correction) => this.correct(correction, this.link.now()),
      onWanted: () => this.flushSoon(),
    });
    this.slots = new SlotBook(this.local.held, () => this.flushSoon());
  }

  /** Joins the other replicas and begins to be heard of. */
  async start(): Promise<void> {
    await this.beat();
    this.heartbeats = setInterval(() => void this.beat(), HEARTBEAT_MS);
    this.heartbeats.unref();
  }

  /** Sends what is waiting and leaves. */
  async stop(): Promise<void> {
    clearInterval(this.heartbeats);
    clearTimeout(this.settling);
    clearImmediate(this.flushing);
    this.permits.close();
    await this.flush();
    if (this.degraded) return;
    const batch = this.script.batch();
    batch.depart();
    await this.link.send(batch).catch(() => {});
  }

  override get degraded(): boolean {
    return !this.link.breaker.isClosed;
  }

  /** How many replicas share the limits, as far as this one knows. */
  get members(): number {
    return this.link.members;
  }

  override admit(admission: Admission): Promise<AdmissionResult> {
    if (this.degraded) return Promise.resolve(this.withoutStore(admission));
    const permitted = this.permits.admit(admission);
    if (permitted) return Promise.resolve(permitted);
    return new Promise((resolve) => {
      this.queue.push({ admission, resolve });
      this.flushSoon();
    });
  }

  override settle(receipt: Receipt, adjustments: readonly number[]): void {
    const now = this.link.now();
    for (const [index, bucket] of receipt.buckets.entries()) {
      const delta = adjustments[index] ?? 0;
      const counter = receipt.counters[index];
      if (delta === 0 || !counter) continue;
      this.correct({ key: counter.key, windowMs: counter.windowMs, bucket, count: delta }, now);
    }
  }

  private correct({ key, windowMs, bucket, count: wanted }: BucketCount, nowMs: number): void {
    const count = this.local.correct(key, bucket, wanted, nowMs);
    if (count !== 0) this.correctLater({ key, windowMs, bucket, count });
  }

  override release(receipt: Receipt): void {
    if (receipt.slots.length === 0) return;
    this.local.release(receipt);
    this.slots.touch(receipt.slots);
    if (!this.degraded) this.flushSoon();
  }

  override async usage(windows: readonly WindowName[], slots: readonly string[]): Promise<UsageSnapshot> {
    if (!this.degraded) {
      try {
        return await this.sharedUsage(windows, slots);
      } catch {
        this.noteMode();
      }
    }
    const now = this.link.now();
    return {
      windows: windows.map(({ key }) => this.local.used(key, now)),
      slots: slots.map((key) => this.local.held.get(key) ?? 0),
      degraded: true,
    };
  }

  private async sharedUsage(windows: readonly WindowName[], slots: readonly string[]): Promise<UsageSnapshot> {
    const batch = this.script.batch();
    batch.usage(windows, slots);
    const { results, instantMs } = await this.link.send(batch);
    const [figures = []] = results;
    return {
      windows: windows.map(({ key, windowMs }, index) => ({
        used: Math.max(0, (figures[index * 2] ?? 0) - this.permits.unusedOf(key)),
        resetMs: resetOf(figures[index * 2 + 1] ?? -1, windowMs, instantMs),
      })),
      slots: slots.map((_, index) => figures[windows.length * 2 + index] ?? 0),
      degraded: false,
    };
  }

  private correctLater(correction: BucketCount): void {
    if (this.degraded || this.corrections.isFull) {
      this.keep(correction);
      return;
    }
    this.corrections.add(correction);
    this.settling ??= setTimeout(() => {
      this.settling = undefined;
      this.flushSoon();
    }, SETTLE_MS).unref();
  }

  /** What was used in excess is merged later. What would be given back is not: it may have been given back already. */
  private keep(correction: BucketCount): void {
    if (correction.count > 0) this.local.owe(correction, this.link.now());
  }

  /** At the end of this turn of the event loop, so that everything that came in it travels together. */
  private flushSoon(): void {
    this.flushing ??= setImmediate(() => {
      this.flushing = undefined;
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    const { queue } = this;
    this.queue = [];
    const calls: Promise<unknown>[] = [];
    for (let from = 0; from === 0 || from < queue.length; from += ADMISSIONS_PER_CALL) {
      calls.push(this.send(queue.slice(from, from + ADMISSIONS_PER_CALL)));
    }
    await Promise.all(calls);
  }

  /** Returns for how long the windows may still be recovered; null when the store did not answer or was not asked. */
  private async send(admissions: readonly Waiting[], isHeartbeat = false): Promise<number | null> {
    if (this.degraded && !isHeartbeat) {
      this.decideAlone(admissions);
      return null;
    }
    const { batch, merges, corrections } = this.fill(isHeartbeat);
    for (const { admission } of admissions) batch.admit(admission);
    const requests = this.permits.ask(batch);
    if (batch.isEmpty) return null;
    this.slots.sent(admissions);
    const sentAtMs = this.options.clock.monotonic();
    try {
      const reply = await this.link.send(batch, (late) => this.undo(late, admissions, requests));
      this.local.heard(merges, reply.recoveringMs > 0);
      if (isHeartbeat) this.link.breaker.close();
      for (const [index, waiting] of admissions.entries()) this.answer(waiting, reply.results[index] ?? [], reply);
      this.permits.answered(requests, reply.results.slice(admissions.length), reply, sentAtMs);
      return reply.recoveringMs;
    } catch (error) {
      this.options.onFailure?.(error);
      this.local.unheard(merges, this.link.now());
      for (const correction of corrections) this.keep(correction);
      this.permits.unanswered(requests);
      this.decideAlone(admissions);
      return null;
    } finally {
      this.slots.answered(admissions);
      this.noteMode();
    }
  }

  /** A batch with everything the store has to hear before it decides again. */
  private fill(isHeartbeat: boolean): { batch: RedisBatch; merges: BucketCount[]; corrections: BucketCount[] } {
    const batch = this.script.batch();
    const merges = this.local.takePending(MERGES_PER_CALL);
    for (const merge of merges) batch.merge(merge);
    for (const [key, running] of this.slots.take(isHeartbeat)) batch.running(key, running);
    const corrections = this.corrections.take();
    for (const correction of corrections) batch.correct(correction);
    if (isHeartbeat) batch.heartbeat();
    return { batch, merges, corrections };
  }

  private answer(waiting: Waiting, figures: readonly number[], { instantMs }: BatchReply): void {
    const { admission, resolve } = waiting;
    const { counters, slots } = admission;
    const reply = decodeAdmission(admission, figures, instantMs);
    const { kind, sums, buckets, states, short, retryAfterMs } = reply;
    if (kind === 'recovering') {
      void this.decideInRecovery(waiting);
      return;
    }
    for (const [index, { key }] of slots.entries()) {
      if (kind === 'admitted') this.local.hold(key);
      this.local.observeSlot(key, reply.slots[index]!.used, instantMs);
    }
    if (kind === 'denied') {
      for (const [index, counter] of counters.entries()) this.local.observe(counter, sums[index]!, instantMs);
      resolve({ kind, short, retryAfterMs, counters: states, slots: reply.slots, degraded: false });
      return;
    }
    for (const [index, counter] of counters.entries()) {
      this.local.record(counter, buckets[index]!, sums[index]!, instantMs);
    }
    this.permits.admitted(admission, sums, buckets);
    resolve({ kind, receipt: { counters, buckets, slots }, counters: states, slots: reply.slots, degraded: false });
  }

  /**
   * The windows are being put together again, until every replica has brought its part. Until then each decides alone, and
   * what it admits is in the windows before they open: should they have opened meanwhile, they decide.
   */
  private async decideInRecovery({ admission, resolve }: Waiting): Promise<void> {
    const alone = this.withoutStore(admission);
    if (alone.kind !== 'admitted' || alone.receipt.buckets.length === 0) {
      resolve(alone);
      return;
    }
    const recoveringMs = await this.send([]);
    if (recoveringMs !== 0) {
      resolve(alone);
      return;
    }
    this.release(alone.receipt);
    this.settle(
      alone.receipt,
      admission.counters.map(({ cost }) => -cost),
    );
    resolve(await this.admit(admission));
  }

  /** The call was decided without the store, which has counted it all the same. */
  private undo(late: BatchReply, admissions: readonly Waiting[], requests: readonly PermitRequest[]): void {
    if (late.status !== 'done') return;
    for (const permits of this.permits.lateGrants(requests, late.results.slice(admissions.length), late.instantMs)) {
      if (permits.count > 0) this.correctLater({ ...permits, count: -permits.count });
    }
    for (const [index, { admission }] of admissions.entries()) {
      const figures = late.results[index] ?? [];
      if (figures[0] !== 1) continue;
      this.slots.touch(admission.slots);
      for (const [at, { key, windowMs, cost }] of admission.counters.entries()) {
        const bucket = figures[2 + at * 2];
        if (bucket !== undefined) this.correctLater({ key, windowMs, bucket, count: -cost });
      }
    }
  }

  private decideAlone(admissions: readonly Waiting[]): void {
    for (const { admission, resolve } of admissions) resolve(this.withoutStore(admission));
  }

  private withoutStore(admission: Admission): AdmissionResult {
    const policy = this.options.policy();
    if (policy === 'deny') return { kind: 'unavailable', reason: 'denied_by_policy', retryAfterMs: DENY_RETRY_MS };
    if (policy === 'local_share') {
      return this.local.admit(admission, this.link.members, this.link.now(), this.link.latestNow());
    }
    const counters = admission.counters.map(({ limit }) => ({ used: 0, remaining: limit, resetMs: 0 }));
    const slots = admission.slots.map(({ limit }) => slotState(0, limit));
    return { kind: 'admitted', receipt: { counters: [], buckets: [], slots: [] }, counters, slots, degraded: true };
  }

  private async beat(): Promise<void> {
    if (this.isBeating || !this.link.breaker.mayProbe) return;
    this.isBeating = true;
    await this.send([], true);
    this.isBeating = false;
  }

  private noteMode(): void {
    if (this.degraded === this.wasDegraded) return;
    this.wasDegraded = this.degraded;
    if (this.degraded) this.permits.close();
    this.options.onModeChange?.(this.degraded);
  }
}
