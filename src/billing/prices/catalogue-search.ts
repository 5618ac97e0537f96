import { priceAt, type Catalogue, type CatalogueModel } from '../catalogue';
import type { ModelPrice, PriceTier } from '../model-price';
import type { ModelFacts } from '../../core/model-facts';
import type { PicoUsd } from '../../core/money';
import type { CuratedModels } from './curated-models';
import type { PricedTarget } from './price-table';

/** Answers remembered per target. More names than any route table has; only a flood of unknown ones gets there. */
const MAX_REMEMBERED = 2_000;

interface FoundModel {
  readonly entry: CatalogueModel | null;
  readonly facts: ModelFacts;
}

/** Finds targets in the price list, which is long: what was found is remembered. */
export class CatalogueSearch {
  private readonly remembered = new Map<string, FoundModel>();
  private readonly estimates = new Map<string, ModelPrice>();

  constructor(
    readonly catalogue: Catalogue,
    readonly curated: CuratedModels,
  ) {}

  /** The listed price at a time, with its service tiers, or null when the list does not know the model. */
  priceOf(target: PricedTarget, atMs: number): ModelPrice | null {
    const { entry } = this.find(target);
    const price = entry && priceAt(entry.prices, atMs);
    return price && this.curated.withServiceTiers(price, entry.id, target.model);
  }

  /** What is known of a model beside its price: the curated file knows best, the list knows some context windows. */
  factsOf(target: PricedTarget): ModelFacts {
    return this.find(target).facts;
  }

  /** For every kind of token the highest price of any model of such a provider; null when none is listed. */
  dearestOf(providerType: string): ModelPrice | null {
    const known = this.estimates.get(providerType);
    if (known) return known;
    const listed = isVendor(providerType) ? this.catalogue.provider(providerType) : undefined;
    const prices = listed?.models.flatMap((model) => model.prices.map((timed) => timed.price)) ?? [];
    if (prices.length === 0) return null;
    const estimate = dearestOf(prices, providerType);
    this.estimates.set(providerType, estimate);
    return estimate;
  }

  private find(target: PricedTarget): FoundModel {
    const key = `${target.providerType}\n${target.provider}\n${target.model}`;
    const known = this.remembered.get(key);
    if (known !== undefined) return known;
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    const entry = this.lookUp(target) ?? null;
    const found = { entry, facts: this.lookUpFacts(target, entry) };
    this.remembered.set(key, found);
    return found;
  }

  private lookUpFacts({ providerType, model }: PricedTarget, entry: CatalogueModel | null): ModelFacts {
    const curated = isVendor(providerType) ? this.curated.find(providerType, model) : this.curated.findAny(model);
    return Object.freeze<ModelFacts>({
      contextWindow: curated?.context_window ?? entry?.contextWindow ?? null,
      maxOutputTokens: curated?.max_output_tokens ?? null,
      capabilities: curated?.capabilities ?? null,
    });
  }

  private lookUp({ provider, providerType, model }: PricedTarget): CatalogueModel | undefined {
    const { catalogue } = this;
    if (isVendor(providerType)) {
      const listed = catalogue.provider(providerType);
      return listed && catalogue.model(listed, model);
    }
    const bySelf = providerType === 'simulator' ? undefined : catalogue.provider(provider);
    return catalogue.anyModel(model, [bySelf, catalogue.provider('openai'), catalogue.provider('anthropic')]);
  }
}

const isVendor = (providerType: string): boolean => providerType === 'openai' || providerType === 'anthropic';

function dearestOf(prices: readonly ModelPrice[], providerType: string): ModelPrice {
  const max = (pick: (tier: PriceTier) => PicoUsd): PicoUsd =>
    highest(prices.flatMap((price) => price.tiers.map(pick)));
  return Object.freeze<ModelPrice>({
    id: `estimate/${providerType}`,
    source: 'estimate',
    tiers: [
      {
        aboveInputTokens: -1,
        input: max((tier) => tier.input),
        cacheRead: max((tier) => tier.cacheRead),
        cacheWrite5m: max((tier) => tier.cacheWrite5m),
        cacheWrite1h: max((tier) => tier.cacheWrite1h),
        inputAudio: max((tier) => tier.inputAudio),
        inputImage: max((tier) => tier.inputImage),
        output: max((tier) => tier.output),
        reasoning: max((tier) => tier.reasoning),
        outputAudio: max((tier) => tier.outputAudio),
        outputImage: max((tier) => tier.outputImage),
      },
    ],
    webSearch: highest(prices.map((price) => price.webSearch)),
    request: highest(prices.map((price) => price.request)),
  });
}

const highest = (amounts: readonly PicoUsd[]): PicoUsd =>
  amounts.reduce((top, amount) => (amount > top ? amount : top), 0n);
