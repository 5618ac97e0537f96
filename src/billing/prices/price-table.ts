import { createHash } from 'node:crypto';
import type { TargetName } from '../../core/context';
import { UnpriceableError } from '../../core/errors';
import type { ModelPrice } from '../model-price';
import type { PriceOverride, PricingConfig } from '../pricing.config';
import type { CatalogueSearch } from './catalogue-search';
import { overridePrice } from './override-price';

export interface PricedTarget extends TargetName {
  readonly providerType: string;
}

/** A price that somebody stated and that wins over the price list. */
export interface StatedPrice {
  /** `model` or `provider/model`. */
  readonly model: string;
  readonly prices: PriceOverride;
  /** `config`: the configuration file; the others are stored. */
  readonly source: 'config' | 'api' | 'import';
  /** Of a stored one; grows with every change. */
  readonly version: string | null;
  readonly since: Date | null;
}

/** Charged for an unpriced model of a kind of provider without a price list: those of the dearest common models (USD per million). */
const DEFAULT_ESTIMATE: PriceOverride = { input: '15', output: '75' };

const FREE: ModelPrice = Object.freeze<ModelPrice>({
  ...overridePrice('free', { input: '0', output: '0' }),
  source: 'free',
});

/** What every model costs, at one moment. Immutable: a request that keeps its table is charged by it to its end. */
export class PriceTable {
  /** Changes when any price changes; recorded with every charge. */
  readonly version: string;
  private readonly overrides: ReadonlyMap<string, ModelPrice>;

  /** Of two stated prices of a name the later in the list wins. */
  constructor(
    private readonly search: CatalogueSearch,
    readonly stated: readonly StatedPrice[],
    private readonly unknown: PricingConfig['unknown'],
    listHash: string,
  ) {
    this.overrides = new Map(stated.map(({ model, prices }) => [model, overridePrice(model, prices)]));
    this.version = hashOf([listHash, [...this.overrides], unknown]);
  }

  /** The price in force for a target at a time, or null when none is known. */
  find(target: PricedTarget, atMs: number): ModelPrice | null {
    const override = this.overrides.get(`${target.provider}/${target.model}`) ?? this.overrides.get(target.model);
    return override ?? this.search.priceOf(target, atMs);
  }

  /** The price to charge, by the policy for unknown ones. Throws `UnpriceableError` under `pricing.unknown: block`. */
  quote(target: PricedTarget, atMs: number): ModelPrice {
    const price = this.find(target, atMs);
    if (price) return price;
    if (this.unknown === 'block') throw new UnpriceableError(target.provider, target.model);
    if (this.unknown === 'free') return FREE;
    return (
      this.search.dearestOf(target.providerType) ?? {
        ...overridePrice(`estimate/${target.providerType}`, DEFAULT_ESTIMATE),
        source: 'estimate',
      }
    );
  }
}

export function hashOf(content: unknown): string {
  const text = JSON.stringify(content, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
