import { IsIn, IsOptional } from 'class-validator';
import { Decimal, MapOf, noEntries } from '../platform/config/fields';
import { IsUsdPrice } from '../platform/config/validators';

/** A decimal text, so that no digit is lost. */
export type UsdPrice = string;

/** The prices of one model, in USD per million tokens unless said otherwise. */
export class PriceOverride {
  /** Prompt tokens. */
  @Decimal()
  @IsUsdPrice()
  input!: UsdPrice;

  /** Answer tokens. */
  @Decimal()
  @IsUsdPrice()
  output!: UsdPrice;

  /** Prompt tokens read from the provider's cache. Default: the price of `input`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  cache_read?: UsdPrice;

  /** Prompt tokens written to the provider's cache for five minutes. Default: the price of `input`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  cache_write_5m?: UsdPrice;

  /** Prompt tokens written to the provider's cache for an hour. Default: the price of `cache_write_5m`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  cache_write_1h?: UsdPrice;

  /** Reasoning tokens. Default: the price of `output`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  reasoning?: UsdPrice;

  /** Audio tokens of the prompt. Default: the price of `input`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  input_audio?: UsdPrice;

  /** Audio tokens of the answer. Default: the price of `output`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  output_audio?: UsdPrice;

  /** USD for a thousand web searches made by the provider. Default: 0. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  web_searches_per_thousand?: UsdPrice;

  /** USD for a thousand calls, whatever their size. Default: 0. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  requests_per_thousand?: UsdPrice;
}

/** What calls cost. The base is the price list that ships with the gateway. */
export class PricingConfig {
  /**
   * What happens to a call of a model without a known price: `block` refuses it, `estimate` charges the dearest price of
   * that kind of provider and flags the row, `free` charges nothing.
   */
  @IsIn(['block', 'estimate', 'free'])
  unknown: 'block' | 'estimate' | 'free' = 'block';

  /** Prices that win over the price list, by `model` or `provider/model` (the more exact one wins). */
  @MapOf(() => PriceOverride)
  overrides: Record<string, PriceOverride> = noEntries();
}
