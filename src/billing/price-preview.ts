import { Injectable } from '@nestjs/common';
import type { TargetName } from '../core/context';
import { plainUsage } from '../core/tokens';
import type { NanoUsd } from '../core/money';
import { costOf, worstCaseCost } from './model-price';
import { PriceBook } from './price-book';
import type { PricedTarget } from './prices/price-table';
import { ProviderTypes } from './provider-types';

/** What a call would cost, without making it. Null where no price is known. */
@Injectable()
export class PricePreview {
  constructor(
    private readonly prices: PriceBook,
    private readonly types: ProviderTypes,
  ) {}

  /** For so many tokens of the plain kind, read and written. */
  costOf(target: TargetName, inputTokens: number, outputTokens: number): NanoUsd | null {
    const price = this.find(target);
    return price && costOf(price, plainUsage(inputTokens, outputTokens));
  }

  /** The most it can cost: every token of the dearest kind. `maxOutputTokens`: null for the bound that such a call is given. */
  upperBound(target: TargetName, inputTokens: number, maxOutputTokens: number | null, choices: number): NanoUsd | null {
    const price = this.find(target);
    const outputTokens = maxOutputTokens ?? this.prices.table.answerBound(this.priced(target), inputTokens);
    return price && worstCaseCost(price, inputTokens, outputTokens, choices);
  }

  get version(): string {
    return this.prices.version;
  }

  private find(target: TargetName): ReturnType<PriceBook['find']> {
    return this.prices.find(this.priced(target));
  }

  private priced(target: TargetName): PricedTarget {
    return { ...target, providerType: this.types.typeOf(target.provider) };
  }
}
