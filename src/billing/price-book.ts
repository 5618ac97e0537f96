import { Injectable } from '@nestjs/common';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { Catalogue } from './catalogue';
import type { ModelPrice } from './model-price';
import { CatalogueSearch } from './prices/catalogue-search';
import { CuratedModels } from './prices/curated-models';
import { hashOf, PriceTable, type PricedTarget, type StatedPrice } from './prices/price-table';
import { PricingConfig } from './pricing.config';

/** What every model costs now. The table is built at boot and when a price changes, and swapped whole. */
@Injectable()
export class PriceBook {
  private readonly search: CatalogueSearch;
  private readonly listHash: string;
  private stored: readonly StatedPrice[] = [];
  private current: PriceTable;

  constructor(
    readonly catalogue: Catalogue,
    readonly curated: CuratedModels,
    private readonly config: LiveConfig,
    private readonly clock: Clock,
  ) {
    this.search = new CatalogueSearch(catalogue, curated);
    this.listHash = hashOf([catalogue.providers, curated.file]);
    this.current = this.build();
    config.onReload(() => (this.current = this.build()));
  }

  /** The prices in force. A request keeps the table it was admitted with. */
  get table(): PriceTable {
    return this.current;
  }

  /** Changes when any price changes; recorded with every charge. */
  get version(): string {
    return this.current.version;
  }

  /** The price in force for a target, or null when none is known. */
  find(target: PricedTarget): ModelPrice | null {
    return this.current.find(target, this.clock.now());
  }

  /** Takes over the prices that the management API has stored. Those of the configuration file win over them. */
  useStored(stored: readonly StatedPrice[]): void {
    this.stored = stored;
    this.current = this.build();
  }

  private build(): PriceTable {
    const policy = this.config.section(PricingConfig);
    const declared = Object.entries(policy.overrides).map(([model, prices]): StatedPrice => ({
      model,
      prices,
      source: 'config',
      version: null,
      since: null,
    }));
    const names = new Set(declared.map(({ model }) => model));
    const stated = [...this.stored.filter(({ model }) => !names.has(model)), ...declared];
    return new PriceTable(this.search, stated, policy, this.listHash);
  }
}
