import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { UnpriceableError } from '../core/errors';
import type { TargetName } from '../core/context';
import { usdPerMillionToPico, type PicoUsd } from '../core/money';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { Catalogue, completePrices, priceAt, type CatalogueModel } from './catalogue';
import type { ModelPrice, PriceTier, UnitPrices } from './model-price';
import { PricingConfig, type PriceOverride, type UsdPrice } from './pricing.config';

export interface PricedTarget extends TargetName {
  readonly providerType: string;
}

/** Answers remembered per target. More names than any route table has; only a flood of unknown ones gets there. */
const MAX_REMEMBERED = 2_000;

/** Charged for an unpriced model of a kind of provider without a price list: those of the dearest common models (USD per million). */
const DEFAULT_ESTIMATE = { input: '15', output: '75' };

const ZERO: PriceTier = { aboveInputTokens: -1, ...completePrices({ ...noPrices(), input: 0n, output: 0n }) };
const FREE: ModelPrice = Object.freeze<ModelPrice>({
  id: 'free',
  source: 'free',
  tiers: [ZERO],
  webSearch: 0n,
  request: 0n,
});

/** What every model costs. The table is built at boot and again on reload, never changed in between. */
@Injectable()
export class PriceBook {
  private overrides: ReadonlyMap<string, ModelPrice> = new Map();
  private unknown: PricingConfig['unknown'] = 'block';
  private contentHash = '';
  private readonly remembered = new Map<string, CatalogueModel | null>();
  private readonly estimates = new Map<string, ModelPrice>();

  constructor(
    private readonly catalogue: Catalogue,
    private readonly config: LiveConfig,
    private readonly clock: Clock,
  ) {
    this.rebuild();
    config.onReload(() => this.rebuild());
  }

  /** Changes when any price changes; recorded with every charge. */
  get version(): string {
    return this.contentHash;
  }

  /** The price in force for a target, or null when none is known. */
  find(target: PricedTarget): ModelPrice | null {
    const override = this.overrides.get(`${target.provider}/${target.model}`) ?? this.overrides.get(target.model);
    if (override) return override;
    const entry = this.entryOf(target);
    return entry && priceAt(entry.prices, this.clock.now());
  }

  /** The price to charge, by the policy for unknown ones. Throws `UnpriceableError` under `pricing.unknown: block`. */
  quote(target: PricedTarget): ModelPrice {
    const price = this.find(target);
    if (price) return price;
    if (this.unknown === 'block') throw new UnpriceableError(target.provider, target.model);
    return this.unknown === 'free' ? FREE : this.estimateFor(target.providerType);
  }

  private rebuild(): void {
    const { unknown, overrides } = this.config.section(PricingConfig);
    this.overrides = new Map(Object.entries(overrides).map(([name, prices]) => [name, fromOverride(name, prices)]));
    this.unknown = unknown;
    this.contentHash = hashOf([this.catalogue.providers, [...this.overrides], unknown]);
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

  private estimateFor(providerType: string): ModelPrice {
    const known = this.estimates.get(providerType);
    if (known) return known;
    const listed =
      providerType === 'openai' || providerType === 'anthropic' ? this.catalogue.provider(providerType) : undefined;
    const prices = listed?.models.flatMap((model) => model.prices.map((timed) => timed.price)) ?? [];
    const estimate = dearestOf(prices.length > 0 ? prices : [fromOverride('estimate', DEFAULT_ESTIMATE)], providerType);
    if (this.estimates.size < MAX_REMEMBERED) this.estimates.set(providerType, estimate);
    return estimate;
  }
}

function noPrices(): { [Kind in keyof UnitPrices]: undefined } {
  return {
    input: undefined,
    cacheRead: undefined,
    cacheWrite5m: undefined,
    cacheWrite1h: undefined,
    inputAudio: undefined,
    output: undefined,
    reasoning: undefined,
    outputAudio: undefined,
  };
}

const optional = (price: UsdPrice | undefined): PicoUsd | undefined =>
  price === undefined ? undefined : usdPerMillionToPico(price);

/** USD for a thousand to pico-dollars for one. */
const perThousand = (price: UsdPrice | undefined): PicoUsd => (optional(price) ?? 0n) * 1_000n;

function fromOverride(id: string, prices: PriceOverride): ModelPrice {
  const tier = completePrices({
    input: usdPerMillionToPico(prices.input),
    cacheRead: optional(prices.cache_read),
    cacheWrite5m: optional(prices.cache_write_5m),
    cacheWrite1h: optional(prices.cache_write_1h),
    inputAudio: optional(prices.input_audio),
    output: usdPerMillionToPico(prices.output),
    reasoning: optional(prices.reasoning),
    outputAudio: optional(prices.output_audio),
  });
  return Object.freeze<ModelPrice>({
    id,
    source: 'override',
    tiers: [{ aboveInputTokens: -1, ...tier }],
    webSearch: perThousand(prices.web_searches_per_thousand),
    request: perThousand(prices.requests_per_thousand),
  });
}

/** For every kind of token the highest price that any of these models has. */
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
        output: max((tier) => tier.output),
        reasoning: max((tier) => tier.reasoning),
        outputAudio: max((tier) => tier.outputAudio),
      },
    ],
    webSearch: highest(prices.map((price) => price.webSearch)),
    request: highest(prices.map((price) => price.request)),
  });
}

const highest = (amounts: readonly PicoUsd[]): PicoUsd =>
  amounts.reduce((top, amount) => (amount > top ? amount : top), 0n);

function hashOf(content: unknown): string {
  const text = JSON.stringify(content, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
