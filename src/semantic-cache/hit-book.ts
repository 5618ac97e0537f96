import type { CacheTier } from './cache.metrics';

/** Hits that callers can still give a verdict on without a look at the records. */
const MAX_HITS = 10_000;

/** Which answer a request was given. */
export interface HitRecord {
  readonly entryId: string;
  /** The id under which an answer to this very question is stored. */
  readonly askedId: string;
  readonly scope: string;
  readonly tier: CacheTier;
  readonly similarity: number;
}

/** The latest hits of this process, by request. */
export class HitBook {
  private readonly hits = new Map<string, HitRecord>();

  note(requestId: string, hit: HitRecord): void {
    this.hits.set(requestId, hit);
    const oldest = this.hits.keys().next().value;
    if (this.hits.size > MAX_HITS && oldest !== undefined) this.hits.delete(oldest);
  }

  of(requestId: string): HitRecord | null {
    return this.hits.get(requestId) ?? null;
  }
}
