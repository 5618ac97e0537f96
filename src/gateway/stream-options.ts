import type { GatewayContext } from '../core/context';
import { NANO_PER_USD } from '../core/money';
import type { StreamOptions } from './dialects/format';

/** What a stream's format must know of its request. */
export const streamOptions = (context: GatewayContext): StreamOptions => ({
  asked: context.request?.document.value ?? {},
  includeUsage: context.request?.includeUsage ?? false,
  costUsd: () => Number(context.attempts?.cost() ?? 0n) / Number(NANO_PER_USD),
  estimatedInputTokens: () => context.request?.estimatedInputTokens() ?? 0,
});
