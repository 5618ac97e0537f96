/** Repeated calls may be at most this share of the requests that are running. */
export const RETRY_SHARE = 0.2;
/** So few may always run, or a quiet gateway could never repeat a call. */
export const MIN_RETRIES = 3;

/**
 * Keeps repeated and delayed calls from making an outage worse: at most 20 % of the running requests, and at least
 * three, repeat or wait at any moment. Who is refused fails over or fails.
 */
export class RetryBudget {
  private active = 0;
  private retrying = 0;

  /** A request begins; returns what ends it. */
  enter(): () => void {
    this.active += 1;
    return once(() => (this.active -= 1));
  }

  get hasRoom(): boolean {
    return this.retrying < Math.max(MIN_RETRIES, Math.floor(this.active * RETRY_SHARE));
  }

  /** Takes a place; returns what gives it back, or null when there is none. */
  take(): (() => void) | null {
    if (!this.hasRoom) return null;
    this.retrying += 1;
    return once(() => (this.retrying -= 1));
  }
}

function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    action();
  };
}
