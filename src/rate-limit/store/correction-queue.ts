import type { BucketCount } from './local-windows';

const MAX_CORRECTIONS = 10_000;

/** Corrections that wait for the next call of the store, summed up by what they correct. */
export class CorrectionQueue {
  private readonly waiting = new Map<string, BucketCount>();

  get isFull(): boolean {
    return this.waiting.size >= MAX_CORRECTIONS;
  }

  add({ key, windowMs, bucket, count }: BucketCount): void {
    const id = `${bucket}:${key}`;
    this.waiting.set(id, { key, windowMs, bucket, count: count + (this.waiting.get(id)?.count ?? 0) });
  }

  take(): BucketCount[] {
    const corrections = [...this.waiting.values()].filter(({ count }) => count !== 0);
    this.waiting.clear();
    return corrections;
  }
}
