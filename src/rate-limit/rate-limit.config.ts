import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { HIGHEST_LIMITS } from '../core/highest-limits';
import { MapOf, noEntries, Section } from '../platform/config/fields';

export const STORE_DOWN_POLICIES = ['local_share', 'deny', 'allow'] as const;
export type StoreDownPolicy = (typeof STORE_DOWN_POLICIES)[number];

/** What may be used at most. A limit that is absent is not set. */
export class LimitsConfig {
  /**
   * Requests in any 60 seconds.
   * @example 60
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(HIGHEST_LIMITS.requestsPerMinute)
  requests_per_minute?: number;

  /**
   * Tokens in any 60 seconds, input and output together.
   * @example 100000
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(HIGHEST_LIMITS.tokensPerMinute)
  tokens_per_minute?: number;

  /**
   * Requests that run at the same time.
   * @example 10
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(HIGHEST_LIMITS.maxConcurrency)
  max_concurrency?: number;
}

/** Limits in sliding windows of one minute. Keys, users, teams and departments may have their own on top. */
export class RateLimitConfig {
  /** Limits of every key that has none of its own. Absent: no limit. */
  @Section(() => LimitsConfig)
  default?: LimitsConfig;

  /**
   * Limits of all callers of all models together. Absent: no limit.
   */
  @Section(() => LimitsConfig)
  organization?: LimitsConfig;

  /**
   * Limits of all callers of a model together, by its name as clients write it. Under `provider/model` the limits of `model`
   * apply as well.
   * @example gpt-4o
   */
  @MapOf(() => LimitsConfig)
  models: Readonly<Record<string, LimitsConfig>> = noEntries();

  /**
   * What happens while Redis does not answer. `local_share`: each replica grants its part of the limits from memory;
   * `deny`: requests with a limit are refused with 503; `allow`: they pass uncounted.
   */
  @IsIn(STORE_DOWN_POLICIES)
  on_store_down: StoreDownPolicy = 'local_share';
}
