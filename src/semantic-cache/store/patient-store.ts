import { Logger } from '@nestjs/common';
import type { Clock } from '../../platform/clock';
import type { CacheEntry } from '../answers/cache-entry';
import type { CacheMetrics } from '../cache.metrics';
import type { CacheStore, Found } from './cache.store';

const FAILURES_TO_REST = 3;
const REST_MS = 1_000;

/**
 * The store as requests see it: it never fails them. While it is away it is asked once a second; everybody else goes on
 * without it at once.
 */
export class PatientStore {
  private readonly logger = new Logger('Cache');
  private failures = 0;
  private restsUntilMs = -Infinity;

  constructor(
    private readonly store: CacheStore,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {}

  /** Null when the store does not answer. */
  find(id: string, words: string | null): Promise<Found | null> {
    return this.attempt('find', () => this.store.find(id, words));
  }

  /** False when the entry was not kept. */
  async put(entry: CacheEntry, words: string | null): Promise<boolean> {
    return (await this.attempt('put', () => this.store.put(entry, words))) ?? false;
  }

  private async attempt<T>(operation: 'find' | 'put', run: () => Promise<T>): Promise<T | null> {
    if (this.clock.monotonic() < this.restsUntilMs) {
      this.metrics.failure(operation);
      return null;
    }
    // Whoever comes while this call runs does not try either, once the store has been found away.
    if (this.failures >= FAILURES_TO_REST) this.restsUntilMs = this.clock.monotonic() + REST_MS;
    try {
      const result = await run();
      if (this.failures >= FAILURES_TO_REST) this.logger.log('The cache is back');
      this.failures = 0;
      this.restsUntilMs = -Infinity;
      return result;
    } catch (error) {
      this.metrics.failure(operation);
      this.failures += 1;
      if (this.failures < FAILURES_TO_REST) return null;
      this.restsUntilMs = this.clock.monotonic() + REST_MS;
      if (this.failures === FAILURES_TO_REST)
        this.logger.warn(`The cache is away, requests go on without: ${String(error)}`);
      return null;
    }
  }
}
