/** The largest answer that is kept, in bytes as they are kept. */
export const MAX_KEPT_BYTES = 1_048_576;

/** Who wants to be the first with a key. */
export interface Claim {
  /** The request that holds the claim; no other can renew, finish or release it. */
  readonly owner: string;
  /** Of its body. */
  readonly fingerprint: string;
  /** A holder that does not renew for so long is taken for dead. */
  readonly leaseMs: number;
  readonly ttlMs: number;
}

/**
 * What is known of a key. `running`: its first request is being answered, or was when its replica died (`isAlive` false);
 * `done`: with its answer; `spent`: it has cost something and has left none.
 */
export interface Known {
  readonly fingerprint: string;
  /** The first request with the key. */
  readonly owner: string;
  readonly state: 'running' | 'done' | 'spent';
  readonly isAlive: boolean;
  readonly answer: Buffer | null;
}

/**
 * Which keys were used, and what came of it. Every method rejects when the store is away. What has ended is forgotten
 * after the `ttlMs` of its claim, and so is what never ended.
 */
export abstract class IdempotencyStore {
  /** Takes the key, in one step: null when it is now held by the claim's owner, else what is known of it. */
  abstract claim(id: string, claim: Claim): Promise<Known | null>;

  /** The same without the other replicas, for when they cannot be asked. */
  claimAlone(id: string, claim: Claim): Promise<Known | null> {
    return this.claim(id, claim);
  }

  /** The owner lives. False when it does not hold the key any more. */
  abstract renew(id: string, owner: string, leaseMs: number): Promise<boolean>;

  /** Ends a claim for good: with its answer, or with null when the key is spent. False when the owner does not hold it. */
  abstract finish(id: string, owner: string, answer: Buffer | null, ttlMs: number): Promise<boolean>;

  /** Forgets a claim that has cost nothing: the next request with the key is a first one again. */
  abstract release(id: string, owner: string): Promise<boolean>;
}
