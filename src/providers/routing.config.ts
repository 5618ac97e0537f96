import { IsIn, IsInt, Max, Min } from 'class-validator';
import { Duration, Section } from '../platform/config/fields';

export const FALLBACKS = ['by_position', 'explicit', 'none'] as const;
export type Fallback = (typeof FALLBACKS)[number];

export const REJECTIONS = ['fallback', 'error'] as const;

/** When a target that keeps failing is left alone. */
export class BreakerConfig {
  /** Failures in a row after which a target is not called for a while. */
  @IsInt()
  @Min(1)
  @Max(1_000)
  failures = 5;

  /** How long it is left alone before one call tries it again. */
  @Duration()
  @Min(1)
  @Max(3_600_000)
  open = 30_000;
}

/** What happens when a call to a provider fails. */
export class RoutingConfig {
  /**
   * `by_position`: when every target of a model is exhausted, the next provider by `priority` serves the model at the same
   * position of its list. `explicit`: only the `fallbacks` of an alias. `none`: the error goes to the caller.
   */
  @IsIn(FALLBACKS)
  fallback: Fallback = 'by_position';

  /**
   * Further calls to the same target after a failure that may pass. Another usable target is tried first; then, with a
   * growing random pause or after the time the provider asks for (up to 5 s), the same again. At most 20 % of the running
   * requests repeat calls at any moment, but always up to three.
   */
  @IsInt()
  @Min(0)
  @Max(10)
  retries = 2;

  /**
   * A prompt that is too long for its model: `fallback` goes on to the next target that is not known to have as little room
   * (by the price list), `error` tells the caller at once.
   */
  @IsIn(REJECTIONS)
  context_window: (typeof REJECTIONS)[number] = 'fallback';

  /**
   * A prompt or an answer that the provider's content filter refuses: `error` gives the refusal to the caller, `fallback`
   * asks the next target first. A refused answer is paid for all the same.
   */
  @IsIn(REJECTIONS)
  content_policy: (typeof REJECTIONS)[number] = 'error';

  /** When a target that keeps failing is left alone. */
  @Section(() => BreakerConfig)
  breaker: BreakerConfig = new BreakerConfig();
}
