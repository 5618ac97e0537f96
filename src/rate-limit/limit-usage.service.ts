import { Injectable } from '@nestjs/common';
import type { Limits } from '../core/context';
import { LiveConfig } from '../platform/config/live-config';
import { WINDOW_MS } from './admission-plan';
import { limitsOfKey, limitsOfModel, limitsOfOrganization, ORGANIZATION_ID, storeKey, type LimitScope } from './levels';
import { RateLimitConfig } from './rate-limit.config';
import { RateLimitStore } from './store/rate-limit.store';

/** How far one limit is used; `limit` is null where there is none (its use is not counted then, and reads 0). */
export interface LimitUse {
  readonly limit: number | null;
  readonly used: number;
  /** Milliseconds until nothing is used, when nothing more is asked for. */
  readonly resetMs: number;
}

export interface LimitUsage {
  readonly windowMs: number;
  readonly requests: LimitUse;
  readonly tokens: LimitUse;
  readonly concurrency: Pick<LimitUse, 'limit' | 'used'>;
  /** True when the shared store did not answer: then this is what this replica knows. */
  readonly degraded: boolean;
}

/** Reads the windows without counting anything. */
@Injectable()
export class LimitUsageService {
  constructor(
    private readonly store: RateLimitStore,
    private readonly config: LiveConfig,
  ) {}

  /** The use of a key, user, team or department whose own limits are `own`. */
  ofCaller(scope: Exclude<LimitScope, 'model' | 'organization'>, id: string, own: Limits | null): Promise<LimitUsage> {
    const limits = scope === 'key' ? limitsOfKey(own, this.config.section(RateLimitConfig)) : (own ?? {});
    return this.read(scope, id, limits);
  }

  /** The use of everything by all callers together. */
  ofOrganization(): Promise<LimitUsage> {
    return this.read('organization', ORGANIZATION_ID, limitsOfOrganization(this.config.section(RateLimitConfig)));
  }

  /** The use of a model by all callers together; null when the configuration does not limit it. */
  async ofModel(model: string): Promise<LimitUsage | null> {
    const limits = limitsOfModel(model, this.config.section(RateLimitConfig));
    return limits ? this.read('model', model, limits) : null;
  }

  private async read(scope: LimitScope, id: string, limits: Limits): Promise<LimitUsage> {
    const { windows, slots, degraded } = await this.store.usage(
      (['requests', 'tokens'] as const).map((kind) => ({ key: storeKey(kind, scope, id), windowMs: WINDOW_MS })),
      [storeKey('slots', scope, id)],
    );
    const [requests, tokens] = windows;
    return {
      windowMs: WINDOW_MS,
      requests: { limit: limits.requestsPerMinute ?? null, used: 0, resetMs: 0, ...requests },
      tokens: { limit: limits.tokensPerMinute ?? null, used: 0, resetMs: 0, ...tokens },
      concurrency: { limit: limits.maxConcurrency ?? null, used: slots[0] ?? 0 },
      degraded,
    };
  }
}
