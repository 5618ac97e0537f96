import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { Clock } from '../platform/clock';
import { MemoryRateLimitStore } from './store/memory.rate-limit-store';
import { RateLimitStore, type Admission, type AdmissionResult } from './store/rate-limit.store';

type Hits = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * Counts for `@nestjs/throttler` in the sliding windows that all replicas share. While Redis is away each replica counts by
 * itself, whatever `on_store_down` says: management has to stay within reach. Refused calls are not counted.
 */
@Injectable()
export class ThrottleStorage implements ThrottlerStorage {
  private readonly own: MemoryRateLimitStore;

  constructor(
    private readonly store: RateLimitStore,
    clock: Clock,
  ) {
    this.own = new MemoryRateLimitStore(() => clock.monotonic());
  }

  /** Times are milliseconds in and whole seconds out, as the guard has it. */
  async increment(key: string, ttl: number, limit: number): Promise<Hits> {
    const counter = { key: `throttle:${key}`, windowMs: ttl, limit, cost: 1 };
    const result = await this.count({ counters: [counter], slots: [] });
    if (result.kind === 'unavailable') throw new Error('a store in memory is always there');
    const { used, resetMs } = result.counters[0]!;
    const isBlocked = result.kind === 'denied';
    return {
      totalHits: isBlocked ? used + 1 : used,
      timeToExpire: Math.ceil(resetMs / 1000),
      isBlocked,
      timeToBlockExpire: isBlocked ? Math.ceil(result.retryAfterMs / 1000) : 0,
    };
  }

  private async count(admission: Admission): Promise<AdmissionResult> {
    if (this.store.degraded) return this.own.admit(admission);
    const result = await this.store.admit(admission);
    return result.kind === 'unavailable' || result.degraded ? this.own.admit(admission) : result;
  }
}
