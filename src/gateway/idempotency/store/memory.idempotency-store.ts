import { IdempotencyStore, type Claim, type Known } from './idempotency.store';

const MAX_ENTRIES = 50_000;
const MAX_BYTES = 134_217_728;

interface Entry {
  readonly claim: Claim;
  state: Known['state'];
  answer: Buffer | null;
  aliveUntilMs: number;
  expiresAtMs: number;
}

export interface MemoryIdempotencyLimits {
  readonly entries: number;
  readonly bytes: number;
}

/** The keys of this process. When it is full the key that ended first is forgotten. */
export class MemoryIdempotencyStore extends IdempotencyStore {
  /** One for each request that is running: no more than the server has open. */
  private readonly running = new Map<string, Entry>();
  /** In the order in which they ended. */
  private readonly ended = new Map<string, Entry>();
  private bytes = 0;

  constructor(
    private readonly nowMs: () => number,
    private readonly limits: MemoryIdempotencyLimits = { entries: MAX_ENTRIES, bytes: MAX_BYTES },
  ) {
    super();
  }

  override claim(id: string, claim: Claim): Promise<Known | null> {
    const known = this.live(id);
    if (known) return Promise.resolve(this.view(known));
    const now = this.nowMs();
    const entry: Entry = {
      claim,
      state: 'running',
      answer: null,
      aliveUntilMs: now + claim.leaseMs,
      expiresAtMs: now + claim.ttlMs,
    };
    this.running.set(id, entry);
    return Promise.resolve(null);
  }

  override renew(id: string, owner: string, leaseMs: number): Promise<boolean> {
    const entry = this.heldBy(id, owner);
    if (entry) entry.aliveUntilMs = this.nowMs() + leaseMs;
    return Promise.resolve(entry !== null);
  }

  override finish(id: string, owner: string, answer: Buffer | null, ttlMs: number): Promise<boolean> {
    const entry = this.heldBy(id, owner);
    if (!entry) return Promise.resolve(false);
    this.running.delete(id);
    entry.state = answer === null ? 'spent' : 'done';
    entry.answer = answer;
    entry.expiresAtMs = this.nowMs() + ttlMs;
    this.ended.set(id, entry);
    this.bytes += answer?.length ?? 0;
    this.makeRoom();
    return Promise.resolve(true);
  }

  override release(id: string, owner: string): Promise<boolean> {
    return Promise.resolve(this.heldBy(id, owner) !== null && this.running.delete(id));
  }

  private view({ claim, state, aliveUntilMs, answer }: Entry): Known {
    const isAlive = state === 'running' && aliveUntilMs > this.nowMs();
    return { fingerprint: claim.fingerprint, owner: claim.owner, state, isAlive, answer };
  }

  private live(id: string): Entry | null {
    const entry = this.running.get(id) ?? this.ended.get(id);
    if (!entry) return null;
    if (entry.expiresAtMs > this.nowMs()) return entry;
    this.forget(id, entry);
    return null;
  }

  private heldBy(id: string, owner: string): Entry | null {
    const entry = this.running.get(id);
    return entry?.claim.owner === owner ? entry : null;
  }

  private makeRoom(): void {
    for (const [id, entry] of this.ended) {
      const isFull = this.ended.size > this.limits.entries || this.bytes > this.limits.bytes;
      if (!isFull && entry.expiresAtMs > this.nowMs()) return;
      this.forget(id, entry);
    }
  }

  private forget(id: string, entry: Entry): void {
    this.running.delete(id);
    if (this.ended.delete(id)) this.bytes -= entry.answer?.length ?? 0;
  }
}
