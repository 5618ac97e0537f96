import { priceAt, type Catalogue, type CatalogueModel } from '../catalogue';
import type { ModelPrice, PriceTier } from '../model-price';
import type { PicoUsd } from '../../core/money';
import type { PricedTarget } from './price-table';

/** Answers remembered per target. More names than any route table has; only a flood of unknown ones gets there. */
const MAX_REMEMBERED = 2_000;

/** Finds targets in the price list, which is long: what was found is remembered. */
export class CatalogueSearch {
  private readonly remembered = new Map<string, CatalogueModel | null>();
  private readonly estimates = new Map<string, ModelPrice>();

  constructor(readonly catalogue: Catalogue) {}

  /** The listed price at a time, or null when the list does not know the model. */
  priceOf(target: PricedTarget, atMs: number): ModelPrice | null {
    const entry = this.entryOf(target);
    return entry && priceAt(entry.prices, atMs);
  }

  /** For every kind of token the highest price of any model of such a provider; null when none is listed. */
  dearestOf(providerType: string): ModelPrice | null {
    const known = this.estimates.get(providerType);
    if (known) return known;
    const isVendor = providerType === 'openai' || providerType === 'anthropic';
    const listed = isVendor ? this.catalogue.provider(providerType) : undefined;
    const prices = listed?.models.flatMap((model) => model.prices.map((timed) => timed.price)) ?? [];
    if (prices.length === 0) return null;
    const estimate = dearestOf(prices, providerType);
    this.estimates.set(providerType, estimate);
    return estimate;
  }

  private entryOf(target: PricedTarget): CatalogueModel | null {
    const key = `${target.providerType}\n${target.provider}\n${target.model}`;
    const known = this.remembered.get(key);
    if (known !== undefined) return known;
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    const entry = this.lookUp(target) ?? null;
    this.remembered.set(key, entry);
    return entry;
  }

  private lookUp({ provider, providerType, model }: PricedTarget): CatalogueModel | undefined {
    const { catalogue } = this;
    if (providerType === 'openai' || providerType === 'anthropic') {
      const listed = catalogue.provider(providerType);
      return listed && catalogue.model(listed, model);
    }
    const bySelf = providerType === 'simulator' ? undefined : catalogue.provider(provider);
    return catalogue.anyModel(model, [bySelf, catalogue.provider('openai'), catalogue.provider('anthropic')]);
  }
}

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
