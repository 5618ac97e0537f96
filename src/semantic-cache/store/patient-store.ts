import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock';
import type { CacheEntry } from '../answers/cache-entry';
import { CacheMetrics } from '../cache.metrics';
import { Patience } from '../patience';
import { CacheStore, type FindOptions, type Found } from './cache.store';
import type { Lease } from './flight-lease';

/**
 * The store as requests see it: it never fails them. While it is away it is asked once a second; everybody else goes on
 * without it at once.
 */
@Injectable()
export class PatientStore {
  private readonly logger = new Logger('Cache');
  private readonly patience: Patience;

  constructor(
    private readonly store: CacheStore,
    private readonly metrics: CacheMetrics,
    clock: Clock,
  ) {
    this.patience = new Patience(clock);
  }

  /** Null when the store does not answer. */
  find(id: string, words: string | null, options?: FindOptions): Promise<Found | null> {
    return this.attempt('find', () => this.store.find(id, words, options));
  }

  /** Null where nobody can hold it: one process alone, or a store that does not answer. */
  lease(id: string, milliseconds: number): Promise<Lease | 'held' | null> {
    return this.attempt('lease', () => this.store.lease(id, milliseconds));
  }

  /** The entry, unless it has gone or may not be given to this question. */
  take(id: string, askedId: string): Promise<CacheEntry | null> {
    return this.attempt('take', () => this.store.take(id, askedId));
  }

  /** False when the entry was not kept. */
  async put(entry: CacheEntry, words: string | null): Promise<boolean> {
    return (await this.attempt('put', () => this.store.put(entry, words))) ?? false;
  }

  private async attempt<T>(operation: 'find' | 'lease' | 'take' | 'put', run: () => Promise<T>): Promise<T | null> {
    if (!this.patience.mayTry()) {
      this.metrics.failure(operation);
      return null;
    }
    try {
      const result = await run();
      if (this.patience.succeeded()) this.logger.log('The cache is back');
      return result;
    } catch (error) {
      this.metrics.failure(operation);
      if (this.patience.failed()) this.logger.warn(`The cache is away, requests go on without: ${String(error)}`);
      return null;
    }
  }
}
