import { PICO_PER_NANO, type NanoUsd, type PicoUsd } from '../core/money';
import type { TokenUsage } from '../core/tokens';

/** Prices of one token of each kind, in pico-dollars. */
export interface UnitPrices {
  readonly input: PicoUsd;
  readonly cacheRead: PicoUsd;
  readonly cacheWrite5m: PicoUsd;
  readonly cacheWrite1h: PicoUsd;
  readonly inputAudio: PicoUsd;
  readonly output: PicoUsd;
  readonly reasoning: PicoUsd;
  readonly outputAudio: PicoUsd;
}

/** The prices of prompts with more than `aboveInputTokens` tokens, for all tokens of the call. */
export interface PriceTier extends UnitPrices {
  readonly aboveInputTokens: number;
}

/** Where a price comes from: a price list, the operator, a guess (`pricing.unknown: estimate`) or `free`. */
export type PriceSource = 'catalogue' | 'override' | 'estimate' | 'free';

export interface ModelPrice {
  /** The entry of the price list, `openai/gpt-4o`, or the key of the override. */
  readonly id: string;
  readonly source: PriceSource;
  /** Ascending; the first has `aboveInputTokens: -1` and so applies to every call. */
  readonly tiers: readonly [PriceTier, ...PriceTier[]];
  /** One web search of the provider, in pico-dollars. */
  readonly webSearch: PicoUsd;
  /** A fee for each call, in pico-dollars. */
  readonly request: PicoUsd;
}

/** The prices in force for a prompt of this size. */
export function tierFor(price: ModelPrice, inputTokens: number): PriceTier {
  let chosen = price.tiers[0];
  for (const tier of price.tiers) if (inputTokens > tier.aboveInputTokens) chosen = tier;
  return chosen;
}

/** A count as an integer, never below zero: a provider may send anything. */
const count = (tokens: number): bigint =>
  Number.isFinite(tokens) && tokens > 0 ? BigInt(Math.ceil(Math.min(tokens, Number.MAX_SAFE_INTEGER))) : 0n;

/** What is left of a total after its parts: parts that do not add up never make a negative amount. */
const rest = (total: bigint, parts: bigint): bigint => (total > parts ? total - parts : 0n);

/** Exact: every product and the sum are integers, and the sum is rounded up once. */
export function costOf(price: ModelPrice, usage: TokenUsage): NanoUsd {
  const tier = tierFor(price, usage.inputTokens);
  const cacheRead = count(usage.cacheReadTokens);
  const cacheWrite5m = count(usage.cacheWrite5mTokens);
  const cacheWrite1h = count(usage.cacheWrite1hTokens);
  const inputAudio = count(usage.inputAudioTokens);
  const reasoning = count(usage.reasoningTokens);
  const outputAudio = count(usage.outputAudioTokens);
  const pico =
    rest(count(usage.inputTokens), cacheRead + cacheWrite5m + cacheWrite1h + inputAudio) * tier.input +
    cacheRead * tier.cacheRead +
    cacheWrite5m * tier.cacheWrite5m +
    cacheWrite1h * tier.cacheWrite1h +
    inputAudio * tier.inputAudio +
    rest(count(usage.outputTokens), reasoning + outputAudio) * tier.output +
    reasoning * tier.reasoning +
    outputAudio * tier.outputAudio +
    count(usage.webSearches) * price.webSearch +
    price.request;
  return (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
}

const dearest = (prices: readonly PicoUsd[]): PicoUsd =>
  prices.reduce((highest, price) => (price > highest ? price : highest), 0n);

/**
 * The most a call may cost: every prompt token at the dearest input kind, every answer token at the dearest output
 * kind, of the dearest tier the prompt may reach. `maxOutputTokens` is for one choice. Web searches are not bounded by
 * tokens and not included.
 */
export function worstCaseCost(
  price: ModelPrice,
  inputTokens: number,
  maxOutputTokens: number,
  choices: number,
): NanoUsd {
  const reachable = price.tiers.filter((tier) => inputTokens > tier.aboveInputTokens);
  const tiers = reachable.length > 0 ? reachable : [price.tiers[0]];
  const input = dearest(
    tiers.flatMap((tier) => [tier.input, tier.cacheRead, tier.cacheWrite5m, tier.cacheWrite1h, tier.inputAudio]),
  );
  const output = dearest(tiers.flatMap((tier) => [tier.output, tier.reasoning, tier.outputAudio]));
  const pico = count(inputTokens) * input + count(maxOutputTokens) * count(choices) * output + price.request;
  return (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
}
