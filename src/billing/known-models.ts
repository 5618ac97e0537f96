import { Injectable } from '@nestjs/common';
import type { TargetName } from '../core/context';
import type { ModelFacts } from '../core/model-facts';
import { PriceBook } from './price-book';
import { ProviderTypes } from './provider-types';

/** What is known of models beside their prices: limits and capabilities. */
@Injectable()
export class KnownModels {
  constructor(
    private readonly prices: PriceBook,
    private readonly types: ProviderTypes,
  ) {}

  factsOf({ provider, model }: TargetName): ModelFacts {
    return this.prices.table.facts({ provider, model, providerType: this.types.typeOf(provider) });
  }
}
