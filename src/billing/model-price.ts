import { PICO_PER_NANO, type NanoUsd, type PicoUsd } from '../core/money';
import type { TokenUsage } from '../core/tokens';

/** Prices of one token of each kind, in pico-dollars. */
export interface UnitPrices {
  readonly input: PicoUsd;
  readonly cacheRead: PicoUsd;
  readonly cacheWrite5m: PicoUsd;
  readonly cacheWrite1h: PicoUsd;
  readonly inputAudio: PicoUsd;
  readonly inputImage: PicoUsd;
  readonly output: PicoUsd;
  readonly reasoning: PicoUsd;
  readonly outputAudio: PicoUsd;
  readonly outputImage: PicoUsd;
}

/** The prices of prompts with more than `aboveInputTokens` tokens, for all tokens of the call. */
export interface PriceTier extends UnitPrices {
  readonly aboveInputTokens: number;
}

/** Where a price comes from: a price list, the operator, a guess (`pricing.unknown: estimate`) or `free`. */
export type PriceSource = 'catalogue' | 'override' | 'estimate' | 'free';

/** Ascending; the first has `aboveInputTokens: -1` and so applies to every call. */
export type PriceTiers = readonly [PriceTier, ...PriceTier[]];

/** Kinds that cost a multiple of their parent where they are priced at all. */
export type DearKind = 'inputAudio' | 'outputAudio' | 'outputImage';

export interface ModelPrice {
  /** The entry of the price list, `openai/gpt-4o`, or the key of the override. */
  readonly id: string;
  readonly source: PriceSource;
  readonly tiers: PriceTiers;
  /** Prices of service tiers that differ from the ordinary one (`priority`, `flex`, `fast`). */
  readonly serviceTiers?: Readonly<Record<string, PriceTiers>>;
  /** One web search of the provider, in pico-dollars. */
  readonly webSearch: PicoUsd;
  /** Those that have a price of their own: that of their parent, which the others have, bounds nothing. */
  readonly ownKinds?: readonly DearKind[];
  /** A fee for each call, in pico-dollars. */
  readonly request: PicoUsd;
}

/** The service tier, when it has prices of its own; null: the ordinary prices hold. */
export function pricedServiceTier({ serviceTiers }: ModelPrice, serviceTier: string | undefined): string | null {
  const isPriced = serviceTier !== undefined && serviceTiers !== undefined && Object.hasOwn(serviceTiers, serviceTier);
  return isPriced ? serviceTier : null;
}

function tiersOf(price: ModelPrice, serviceTier: string | undefined): PriceTiers {
  const priced = pricedServiceTier(price, serviceTier);
  return (priced === null ? undefined : price.serviceTiers?.[priced]) ?? price.tiers;
}

/** The prices in force for a prompt of this size, served in this tier; one without prices of its own costs the ordinary ones. */
export function tierFor(price: ModelPrice, inputTokens: number, serviceTier?: string): PriceTier {
  const tiers = tiersOf(price, serviceTier);
  let chosen = tiers[0];
  for (const tier of tiers) if (inputTokens > tier.aboveInputTokens) chosen = tier;
  return chosen;
}

/** A count as an integer, never below zero: a provider may send anything. */
const count = (tokens: number): bigint =>
  Number.isFinite(tokens) && tokens > 0 ? BigInt(Math.ceil(Math.min(tokens, Number.MAX_SAFE_INTEGER))) : 0n;

/** What is left of a total after its parts: parts that do not add up never make a negative amount. */
const rest = (total: bigint, parts: bigint): bigint => (total > parts ? total - parts : 0n);

/** Whether a call used nothing but ordinary tokens, as most do. */
const isPlain = (usage: TokenUsage): boolean =>
  usage.cacheReadTokens === 0 &&
  usage.cacheWrite5mTokens === 0 &&
  usage.cacheWrite1hTokens === 0 &&
  usage.inputAudioTokens === 0 &&
  usage.inputImageTokens === 0 &&
  usage.reasoningTokens === 0 &&
  usage.outputAudioTokens === 0 &&
  usage.outputImageTokens === 0 &&
  usage.webSearches === 0;

/** Exact: every product and the sum are integers, and the sum is rounded up once. */
export function costOf(price: ModelPrice, usage: TokenUsage): NanoUsd {
  const tier = tierFor(price, usage.inputTokens, usage.serviceTier);
  if (isPlain(usage)) {
    const pico = count(usage.inputTokens) * tier.input + count(usage.outputTokens) * tier.output + price.request;
    return (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
  }
  const cacheRead = count(usage.cacheReadTokens);
  const cacheWrite5m = count(usage.cacheWrite5mTokens);
  const cacheWrite1h = count(usage.cacheWrite1hTokens);
  const inputAudio = count(usage.inputAudioTokens);
  const inputImage = count(usage.inputImageTokens);
  const reasoning = count(usage.reasoningTokens);
  const outputAudio = count(usage.outputAudioTokens);
  const outputImage = count(usage.outputImageTokens);
  const pico =
    rest(count(usage.inputTokens), cacheRead + cacheWrite5m + cacheWrite1h + inputAudio + inputImage) * tier.input +
    cacheRead * tier.cacheRead +
    cacheWrite5m * tier.cacheWrite5m +
    cacheWrite1h * tier.cacheWrite1h +
    inputAudio * tier.inputAudio +
    inputImage * tier.inputImage +
    rest(count(usage.outputTokens), reasoning + outputAudio + outputImage) * tier.output +
    reasoning * tier.reasoning +
    outputAudio * tier.outputAudio +
    outputImage * tier.outputImage +
    count(usage.webSearches) * price.webSearch +
    price.request;
  return (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
}

const dearer = (a: PicoUsd, b: PicoUsd): PicoUsd => (a > b ? a : b);

interface Dearest {
  readonly input: PicoUsd;
  readonly output: PicoUsd;
}

const dearestOfTier = new WeakMap<PriceTier, Dearest>();

/** The dearest kind of input and of output in a tier. */
function dearestOf(tier: PriceTier): Dearest {
  let found = dearestOfTier.get(tier);
  if (!found) {
    const inputs = [tier.cacheRead, tier.cacheWrite5m, tier.cacheWrite1h, tier.inputAudio, tier.inputImage];
    const outputs = [tier.reasoning, tier.outputAudio, tier.outputImage];
    found = { input: inputs.reduce(dearer, tier.input), output: outputs.reduce(dearer, tier.output) };
    dearestOfTier.set(tier, found);
  }
  return found;
}

/** The dearest of the tiers that a prompt of this size may reach; the first applies in any case. */
function dearestReached(tiers: PriceTiers, inputTokens: number): Dearest {
  let { input, output } = dearestOf(tiers[0]);
  for (const tier of tiers) {
    if (inputTokens <= tier.aboveInputTokens) break;
    const own = dearestOf(tier);
    input = dearer(input, own.input);
    output = dearer(output, own.output);
  }
  return { input, output };
}

/**
 * The most a call may cost: every prompt token at the dearest input kind, every answer token at the dearest output
 * kind, of the dearest tier the prompt may reach, in the service tier asked for or the ordinary one: a provider may fall
 * back to that. `maxOutputTokens` is for one choice. Web searches are not bounded by tokens and not included.
 */
export function worstCaseCost(
  price: ModelPrice,
  inputTokens: number,
  maxOutputTokens: number,
  choices: number,
  serviceTier?: string,
): NanoUsd {
  let { input, output } = dearestReached(price.tiers, inputTokens);
  const asked = tiersOf(price, serviceTier);
  if (asked !== price.tiers) {
    const ofAsked = dearestReached(asked, inputTokens);
    input = dearer(input, ofAsked.input);
    output = dearer(output, ofAsked.output);
  }
  const pico = count(inputTokens) * input + count(maxOutputTokens) * count(choices) * output + price.request;
  return (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
}
