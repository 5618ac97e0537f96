import { setTimeout as sleep } from 'node:timers/promises';
import { IdempotencyStore, type Claim, type Known } from './idempotency.store';

/** Pauses before the shared store is asked again: a hiccup must not cost a second call, a little time may pass. */
const PAUSES_MS = [20, 50, 100, 200, 400, 800];
/** A store that did not answer in all that time is asked only once by the requests of the next seconds. */
const REST_MS = 5_000;

/**
 * The keys of all replicas behind those of this one: what this process has seen itself it knows without asking, and still
 * knows when the shared store is away.
 */
export class LayeredIdempotencyStore extends IdempotencyStore {
  private restsUntilMs = -Infinity;

  constructor(
    private readonly local: IdempotencyStore,
    private readonly shared: IdempotencyStore,
    private readonly onAway: (error: unknown) => void,
    private readonly nowMs: () => number,
  ) {
    super();
  }

  override async claim(id: string, claim: Claim): Promise<Known | null> {
    const own = await this.local.claim(id, claim);
    if (own) return own;
    try {
      const known = await this.patiently(() => this.shared.claim(id, claim));
      // Claimed by a command that was given up before its answer came.
      if (known?.owner === claim.owner) return null;
      if (known) await this.local.release(id, claim.owner);
      return known;
    } catch (error) {
      await this.local.release(id, claim.owner);
      throw error;
    }
  }

  override claimAlone(id: string, claim: Claim): Promise<Known | null> {
    return this.local.claim(id, claim);
  }

  override async renew(id: string, owner: string, leaseMs: number): Promise<boolean> {
    const isHeld = await this.local.renew(id, owner, leaseMs);
    await this.tell(() => this.shared.renew(id, owner, leaseMs));
    return isHeld;
  }

  override async finish(id: string, owner: string, answer: Buffer | null, ttlMs: number): Promise<boolean> {
    const isHeld = await this.local.finish(id, owner, answer, ttlMs);
    await this.tell(() => this.shared.finish(id, owner, answer, ttlMs));
    return isHeld;
  }

  override async release(id: string, owner: string): Promise<boolean> {
    const isHeld = await this.local.release(id, owner);
    await this.tell(() => this.shared.release(id, owner));
    return isHeld;
  }

  /** A claim made alone is unknown to the shared store, and a store that is away learns of nothing: its lease ends. */
  private async tell(what: () => Promise<boolean>): Promise<void> {
    await this.patiently(what).catch(() => false);
  }

  private async patiently<T>(what: () => Promise<T>): Promise<T> {
    for (const pauseMs of this.nowMs() < this.restsUntilMs ? [] : PAUSES_MS) {
      try {
        return await what();
      } catch {
        await sleep(pauseMs);
      }
    }
    try {
      const result = await what();
      this.restsUntilMs = -Infinity;
      return result;
    } catch (error) {
      if (this.nowMs() >= this.restsUntilMs) this.onAway(error);
      this.restsUntilMs = this.nowMs() + REST_MS;
      throw error;
    }
  }
}
