import type { TargetName } from '../core/context';
import type { NanoUsd } from '../core/money';

/** What a call costs at a target: `lowest_cost` asks, billing knows. Bound where both modules meet. */
export abstract class TargetPrices {
  /** For so many tokens read and written; null when no price is known. */
  abstract costOf(target: TargetName, inputTokens: number, outputTokens: number): NanoUsd | null;
}
