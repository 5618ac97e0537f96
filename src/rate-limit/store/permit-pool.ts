/** How long permits may be used after they were taken. Also how far ahead of its time the store counts them. */
export const PERMIT_MS = 100;

/** Permits that were taken together. */
interface Grant {
  /** Where the store has counted them: the sub-bucket of the moment at which they end. */
  readonly bucket: number;
  /** On the monotonic clock of this process; not later than the end that the store knows. */
  readonly endsAtMs: number;
  left: number;
}

/** Permits in the hands of this replica for one window: room that the store has counted already. */
export class PermitPool {
  /** Until the store has answered, no more are asked for. */
  isAsked = false;
  /** Not before this time are more asked for: the store had none to spare. */
  waitUntilMs = -Infinity;
  /** What the window held when the store last said so, these permits included. */
  sum = 0;
  lastBucket = 0;
  /** Those that end first, first. */
  private grants: Grant[] = [];

  constructor(
    readonly windowMs: number,
    /** They were granted under this limit, and are worth nothing under another. */
    readonly limit: number,
  ) {}

  add(grant: { readonly bucket: number; readonly endsAtMs: number; readonly count: number }): void {
    const { bucket, endsAtMs, count } = grant;
    this.grants.push({ bucket, endsAtMs, left: count });
  }

  /** Permits that can still be used for at least `milliseconds`. */
  left(nowMs: number, milliseconds = 0): number {
    let left = 0;
    for (const grant of this.grants) if (grant.endsAtMs - nowMs > milliseconds) left += grant.left;
    return left;
  }

  /** Permits that are not used, also those that cannot be any more. */
  get unused(): number {
    let unused = 0;
    for (const { left } of this.grants) unused += left;
    return unused;
  }

  has(cost: number, nowMs: number): boolean {
    return this.find(cost, nowMs) !== undefined;
  }

  /** Uses permits and returns where they are counted. Only after `has`. */
  use(cost: number, nowMs: number): number {
    const grant = this.find(cost, nowMs);
    if (!grant) throw new Error('permits are used without having been asked for');
    grant.left -= cost;
    return grant.bucket;
  }

  /** Removes what ended at `nowMs` and returns what nobody used of it, by bucket. */
  ended(nowMs: number): { bucket: number; count: number }[] {
    const unused: { bucket: number; count: number }[] = [];
    const running: Grant[] = [];
    for (const grant of this.grants) {
      if (grant.endsAtMs > nowMs) running.push(grant);
      else if (grant.left > 0) unused.push({ bucket: grant.bucket, count: grant.left });
    }
    this.grants = running;
    return unused;
  }

  get isEmpty(): boolean {
    return this.grants.length === 0;
  }

  /** A call takes all it needs from one bucket, so that it can be corrected there. */
  private find(cost: number, nowMs: number): Grant | undefined {
    for (const grant of this.grants) if (grant.left >= cost && grant.endsAtMs > nowMs) return grant;
    return undefined;
  }
}
