import {
  waitForUpdate,
  type ConditionalPrice,
  type ModelInfo,
  type ModelPrice as ListPrice,
  type Provider,
} from '@pydantic/genai-prices';
import { usdPerMillionToPico, type PicoUsd } from '../core/money';
import { compileRule, withDashedDate, type NameTest } from './match-rule';
import type { DearKind, ModelPrice, PriceTier, UnitPrices } from './model-price';

const SECONDS_PER_DAY = 86_400;

/** A price and when it holds: from a date on, or in a part of every day. Without either, always. */
export interface TimedPrice {
  readonly fromMs: number | null;
  /** Seconds of the UTC day; the end is exclusive and may lie before the start (over midnight). */
  readonly daily: { readonly startSecond: number; readonly endSecond: number } | null;
  readonly price: ModelPrice;
}

export interface CatalogueModel {
  /** `openai/gpt-4o`. */
  readonly id: string;
  readonly matches: NameTest;
  /** The last one that holds is in force. */
  readonly prices: readonly TimedPrice[];
  /** Tokens of the prompt and the answer together; null when the list does not say. */
  readonly contextWindow: number | null;
}

export interface CatalogueProvider {
  readonly id: string;
  readonly matchesName: NameTest;
  /** Whether a bare model name looks like one of this provider's. */
  readonly matchesModel: NameTest;
  readonly fallbacks: readonly string[];
  readonly models: readonly CatalogueModel[];
}

/** The price list, as integers. */
export class Catalogue {
  private readonly byId: ReadonlyMap<string, CatalogueProvider>;

  constructor(readonly providers: readonly CatalogueProvider[]) {
    this.byId = new Map(providers.map((provider) => [provider.id, provider]));
  }

  /** The provider of the list with this id or name. */
  provider(name: string): CatalogueProvider | undefined {
    const wanted = name.toLowerCase();
    return this.byId.get(wanted) ?? this.providers.find((provider) => provider.matchesName(wanted));
  }

  /** The entry of a model at one provider, or at those whose models it resells. */
  model(provider: CatalogueProvider, model: string): CatalogueModel | undefined {
    const name = model.toLowerCase().trim();
    const dashed = withDashedDate(name);
    return this.lookUp(provider, name) ?? (dashed === name ? undefined : this.lookUp(provider, dashed));
  }

  /** The entry of a model by its name alone: the providers named first, then those the name points at, then all. */
  anyModel(model: string, first: readonly (CatalogueProvider | undefined)[]): CatalogueModel | undefined {
    const name = model.toLowerCase().trim();
    const order = new Set<CatalogueProvider | undefined>([
      ...first,
      ...this.providers.filter((provider) => provider.matchesModel(name)),
      ...this.providers,
    ]);
    for (const provider of order) {
      const found = provider && this.model(provider, model);
      if (found) return found;
    }
    return undefined;
  }

  private lookUp(provider: CatalogueProvider, name: string): CatalogueModel | undefined {
    const own = provider.models.find((model) => model.matches(name));
    if (own) return own;
    for (const id of provider.fallbacks) {
      const found = this.byId.get(id)?.models.find((model) => model.matches(name));
      if (found) return found;
    }
    return undefined;
  }
}

/** The price in force at a time; null before the first one begins. */
export function priceAt(prices: readonly TimedPrice[], nowMs: number): ModelPrice | null {
  const second = Math.floor(nowMs / 1000) % SECONDS_PER_DAY;
  for (let index = prices.length - 1; index >= 0; index -= 1) {
    const timed = prices[index];
    if (timed && (timed.fromMs === null || nowMs >= timed.fromMs) && (!timed.daily || within(timed.daily, second)))
      return timed.price;
  }
  return prices[0]?.price ?? null;
}

function within(daily: { startSecond: number; endSecond: number }, second: number): boolean {
  const { startSecond, endSecond } = daily;
  return endSecond < startSecond
    ? second >= startSecond || second < endSecond
    : second >= startSecond && second < endSecond;
}

const NEVER: NameTest = () => false;

/** Reads the price list that ships with the package; nothing is fetched. */
export async function loadCatalogue(): Promise<Catalogue> {
  return catalogueOf((await waitForUpdate()) ?? []);
}

export function catalogueOf(providers: readonly Provider[]): Catalogue {
  return new Catalogue(
    providers.map((provider) => ({
      id: provider.id,
      matchesName: provider.provider_match ? compileRule(provider.provider_match) : NEVER,
      matchesModel: provider.model_match ? compileRule(provider.model_match) : NEVER,
      fallbacks: provider.fallback_model_providers ?? [],
      models: provider.models.flatMap((model) => modelOf(provider.id, model)),
    })),
  );
}

function modelOf(providerId: string, model: ModelInfo): CatalogueModel[] {
  const conditional: ConditionalPrice[] = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  const prices = conditional.flatMap((item) => timedPrice(`${providerId}/${model.id}`, item));
  if (prices.length === 0) return [];
  const contextWindow = model.context_window ?? null;
  return [{ id: `${providerId}/${model.id}`, matches: compileRule(model.match), prices, contextWindow }];
}

/** Models without a token price (transcription by the hour, moderation) have none here. */
function timedPrice(id: string, { constraint, prices }: ConditionalPrice): TimedPrice[] {
  const price = fromListPrice(id, prices);
  if (!price) return [];
  if (!constraint) return [{ fromMs: null, daily: null, price }];
  if (constraint.type === 'start_date') return [{ fromMs: Date.parse(constraint.start_date), daily: null, price }];
  const daily = { startSecond: secondOfDay(constraint.start_time), endSecond: secondOfDay(constraint.end_time) };
  return [{ fromMs: null, daily, price }];
}

function secondOfDay(time: string): number {
  return Math.floor(Date.parse(`1970-01-02T${time}`) / 1000) % SECONDS_PER_DAY;
}

type ListAmount = ListPrice[string];

/** The price of a kind for prompts above a size; undefined when the list has none. */
function amountAbove(amount: ListAmount, aboveInputTokens: number): PicoUsd | undefined {
  if (amount === undefined) return undefined;
  if (typeof amount === 'number') return usdPerMillionToPico(amount);
  let chosen = amount.base;
  for (const tier of amount.tiers.toSorted((a, b) => a.start - b.start))
    if (tier.start <= aboveInputTokens) chosen = tier.price;
  return usdPerMillionToPico(chosen);
}

/** USD for a thousand, as the list states fees, to pico-dollars for one. */
const perThousand = (amount: ListAmount): PicoUsd => (amountAbove(amount, -1) ?? 0n) * 1_000n;

function fromListPrice(id: string, list: ListPrice): ModelPrice | null {
  if (list['input_mtok'] === undefined) return null;
  const starts = Object.values(list).flatMap((amount) =>
    typeof amount === 'object' ? amount.tiers.map((tier) => tier.start) : [],
  );
  const upper = [...new Set(starts)].sort((a, b) => a - b).map((start) => tierOf(list, start));
  return Object.freeze<ModelPrice>({
    id,
    source: 'catalogue',
    tiers: [tierOf(list, -1), ...upper],
    ownKinds: ownKinds(['input_audio_mtok', 'output_audio_mtok', 'output_image_mtok'].map((kind) => list[kind])),
    webSearch: perThousand(list['web_searches_kcount']),
    request: perThousand(list['requests_kcount']),
  });
}

function tierOf(list: ListPrice, aboveInputTokens: number): PriceTier {
  const amount = (key: string): PicoUsd | undefined => amountAbove(list[key], aboveInputTokens);
  const prices = completePrices({
    input: amount('input_mtok') ?? 0n,
    cacheRead: amount('cache_read_mtok'),
    cacheWrite5m: amount('cache_write_5m_mtok') ?? amount('cache_write_mtok'),
    cacheWrite1h: amount('cache_write_1h_mtok'),
    inputAudio: amount('input_audio_mtok'),
    inputImage: amount('input_image_mtok'),
    output: amount('output_mtok') ?? 0n,
    reasoning: amount('output_reasoning_mtok'),
    outputAudio: amount('output_audio_mtok'),
    outputImage: amount('output_image_mtok'),
  });
  return Object.freeze({ aboveInputTokens, ...prices });
}

export type StatedPrices = { [Kind in keyof UnitPrices]: PicoUsd | undefined } & { input: PicoUsd; output: PicoUsd };

const DEAR_KINDS: readonly DearKind[] = ['inputAudio', 'outputAudio', 'outputImage'];

/** The dear kinds whose price is stated; `stated` in the order input audio, output audio, output image. */
export const ownKinds = (stated: readonly unknown[]): readonly DearKind[] =>
  DEAR_KINDS.filter((_, index) => stated[index] !== undefined);

/** A kind without a price of its own costs what its parent kind costs. */
export function completePrices(stated: StatedPrices): UnitPrices {
  const cacheWrite5m = stated.cacheWrite5m ?? stated.input;
  return {
    input: stated.input,
    cacheRead: stated.cacheRead ?? stated.input,
    cacheWrite5m,
    cacheWrite1h: stated.cacheWrite1h ?? cacheWrite5m,
    inputAudio: stated.inputAudio ?? stated.input,
    inputImage: stated.inputImage ?? stated.input,
    output: stated.output,
    reasoning: stated.reasoning ?? stated.output,
    outputAudio: stated.outputAudio ?? stated.output,
    outputImage: stated.outputImage ?? stated.output,
  };
}
