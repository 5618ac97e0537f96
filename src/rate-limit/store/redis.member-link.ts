import { newId } from '../../core/ids';
import type { Clock } from '../../platform/clock';
import type { BucketCount, LocalWindows } from './local-windows';
import type { BatchReply, RedisBatch } from './redis-batch';
import { StoreUnavailableError, type RedisWindowScript } from './redis.window-script';
import { StoreBreaker } from './store-breaker';

/** Counts brought in one call: about a millisecond of the server's time. */
const MERGES_PER_CALL = 400;
const JOIN_ATTEMPTS = 4;

/** What the store said its time was, between two moments of the monotonic clock. */
interface Heard {
  readonly instantMs: number;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/**
 * This replica as a member of those that share the windows. Before the store takes its calls it has to join: after the store
 * was away it brings what it admitted meanwhile, after the store lost its data it brings everything it has admitted.
 */
export class MemberLink {
  readonly id: string;
  readonly breaker: StoreBreaker;
  /** Members alive at the last heartbeat. */
  members = 1;
  private epoch = '';
  private storage = '';
  private heard: Heard | null = null;
  private joining: Promise<void> | null = null;
  /** How often counts were collected to be brought by a join, and the last time that they, or even everything, arrived. */
  private collected = 0;
  private arrived = 0;
  private everythingArrived = 0;

  /** @param onEverything everything is being brought as it is now: corrections that wait would come on top of it. */
  constructor(
    private readonly script: RedisWindowScript,
    private readonly local: LocalWindows,
    private readonly clock: Clock,
    private readonly onEverything: () => void,
  ) {
    this.id = newId('inst', Math.floor(clock.now()));
    this.breaker = new StoreBreaker(() => clock.monotonic());
  }

  /** The store's time as far as this replica can tell: never later than it is. Its own clock while it never heard from it. */
  now(): number {
    return this.heard ? this.estimate(this.heard) : Math.floor(this.clock.now());
  }

  /** As `now`, but never earlier than it is: for what is counted, which may not leave its window too early. */
  latestNow(): number {
    const { heard } = this;
    return heard ? Math.ceil(heard.instantMs + this.clock.monotonic() - heard.askedMs) : Math.floor(this.clock.now());
  }

  /** Runs a batch as a member, joining first where that is needed. Rejects with `StoreUnavailableError`. */
  async send(batch: RedisBatch, onLate: (reply: BatchReply) => void = () => {}): Promise<BatchReply> {
    const { collected } = this;
    for (let attempt = 0; attempt < JOIN_ATTEMPTS; attempt += 1) {
      const reply = await this.run(this.epoch, batch, onLate);
      if (reply.status === 'done') return reply;
      await this.join(reply.status === 'join_with_everything');
      // The join has brought what this batch was to merge; if it brought everything, with all corrections made.
      if (this.arrived > collected) batch.forgetMerges();
      if (this.everythingArrived > collected) batch.forgetCorrections();
    }
    throw new StoreUnavailableError('the store keeps losing its state');
  }

  private join(withEverything: boolean): Promise<void> {
    this.joining ??= this.joinOnce(withEverything).finally(() => {
      this.joining = null;
    });
    return this.joining;
  }

  private async joinOnce(withEverything: boolean): Promise<void> {
    // Who has never merged into this storage brings everything it has.
    let isAll = withEverything || this.storage === '';
    for (let attempt = 0; attempt < JOIN_ATTEMPTS; attempt += 1) {
      // Calls that were sent back by the store carry counts as well: they have to be there before this replica counts as back.
      const onTheWay = this.local.onTheWay();
      const pending = this.local.takePending(Infinity);
      this.collected += 1;
      const snapshot = this.collected;
      let reply: BatchReply;
      try {
        const counts = isAll ? this.everything() : [...onTheWay, ...pending];
        reply = await this.bring(counts, isAll ? '' : this.storage);
      } catch (error) {
        this.local.unheard(pending, this.now());
        throw error;
      }
      if (reply.status === 'done') {
        this.local.heard(pending, reply.recoveringMs > 0);
        this.epoch = reply.epoch;
        this.storage = reply.storage;
        this.arrived = snapshot;
        if (isAll) this.everythingArrived = snapshot;
        return;
      }
      this.local.unheard(pending, this.now());
      isAll = reply.status === 'join_with_everything';
    }
    throw new StoreUnavailableError('the store keeps losing its state');
  }

  private everything(): BucketCount[] {
    this.onEverything();
    return this.local.all(this.now());
  }

  private async bring(counts: readonly BucketCount[], base: string): Promise<BatchReply> {
    let { epoch } = this;
    for (let from = 0; ; from += MERGES_PER_CALL) {
      const batch = this.script.batch();
      if (from === 0) {
        batch.join(newId('inst', Math.floor(this.clock.now())), base);
        for (const [key, count] of this.local.held) batch.running(key, count);
      }
      for (const count of counts.slice(from, from + MERGES_PER_CALL)) batch.merge(count);
      const isLast = from + MERGES_PER_CALL >= counts.length;
      if (isLast) batch.joined();
      const reply = await this.run(epoch, batch, () => {});
      if (isLast || reply.status !== 'done') return reply;
      epoch = reply.epoch;
    }
  }

  private async run(epoch: string, batch: RedisBatch, onLate: (reply: BatchReply) => void): Promise<BatchReply> {
    const estimateMs = this.heard ? this.estimate(this.heard) : 0;
    const askedMs = this.clock.monotonic();
    try {
      const header = { member: this.id, epoch, estimateMs, members: this.members };
      const reply = await this.script.run(header, batch, onLate);
      this.breaker.success();
      if (reply.status === 'done') this.hear(reply, askedMs);
      return reply;
    } catch (error) {
      this.breaker.failure();
      throw error;
    }
  }

  private hear(reply: BatchReply, askedMs: number): void {
    this.heard = { instantMs: reply.instantMs, askedMs, answeredMs: this.clock.monotonic() };
    if (reply.members === 0) return;
    // During a recovery the roll is not complete, and whoever is missing still grants its share.
    this.members = reply.recoveringMs > 0 ? Math.max(this.members, reply.members) : reply.members;
  }

  private estimate(heard: Heard): number {
    return Math.floor(heard.instantMs + this.clock.monotonic() - heard.answeredMs);
  }
}
