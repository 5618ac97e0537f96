import type { BucketCount } from './local-windows';

const MAX_CORRECTIONS = 10_000;

/** Corrections that wait for the next call of the store, summed up by what they correct. */
export class CorrectionQueue {
  private readonly waiting = new Map<string, BucketCount>();

  get isFull(): boolean {
    return this.waiting.size >= MAX_CORRECTIONS;
  }

  add(correction: BucketCount): void {
    const id = `${correction.bucket}:${correction.key}`;
    const count = correction.count + (this.waiting.get(id)?.count ?? 0);
    this.waiting.set(id, { ...correction, count });
  }

  take(): BucketCount[] {
    const corrections = [...this.waiting.values()].filter(({ count }) => count !== 0);
    this.waiting.clear();
    return corrections;
  }
}
