import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { Decimal, ListOf, MapOf, noEntries } from '../platform/config/fields';
import { IsUsdPrice } from '../platform/config/validators';

/** A decimal text, so that no digit is lost. */
export type UsdPrice = string;

export const MAX_STEP_TOKENS = 100_000_000;

/** Prices of the kinds of tokens that not every model knows, in USD per million tokens. */
export abstract class KindPrices {
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

  /** Image tokens of the prompt. Default: the price of `input`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  input_image?: UsdPrice;

  /** Image tokens of the answer. Default: the price of `output`. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  output_image?: UsdPrice;
}

/** Prices that differ from others in some kinds. */
abstract class ChangedPrices extends KindPrices {
  /** Prompt tokens. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  input?: UsdPrice;

  /** Answer tokens. */
  @IsOptional()
  @Decimal()
  @IsUsdPrice()
  output?: UsdPrice;
}

/** Other prices for long prompts. What is left out costs what it costs for short ones. */
export class LongContextPrices extends ChangedPrices {
  /**
   * The prices hold for all tokens of a call whose prompt has more tokens than this.
   * @example 200000
   */
  @IsInt()
  @Min(1)
  @Max(MAX_STEP_TOKENS)
  above_input_tokens!: number;
}

/** Other prices in a service tier. What is left out costs what it costs in the ordinary one. */
export class ServiceTierPrices extends ChangedPrices {
  /** Other prices for long prompts in this tier, a step for each size. */
  @IsOptional()
  @ListOf(() => LongContextPrices)
  long_context?: LongContextPrices[];
}

/** The prices of one model, in USD per million tokens unless said otherwise. */
export class PriceOverride extends KindPrices {
  /** Prompt tokens. */
  @Decimal()
  @IsUsdPrice()
  input!: UsdPrice;

  /** Answer tokens. */
  @Decimal()
  @IsUsdPrice()
  output!: UsdPrice;

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

  /** Other prices for long prompts, a step for each size. */
  @IsOptional()
  @ListOf(() => LongContextPrices)
  long_context?: LongContextPrices[];

  /** Other prices in service tiers, by the tier's name in the provider's answers: `priority`, `flex`, `fast`. */
  @IsOptional()
  @MapOf(() => ServiceTierPrices)
  service_tiers?: Record<string, ServiceTierPrices>;

  /** Tokens of the prompt and the answer together. Default: what the shipped list of models says, else not known. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_STEP_TOKENS)
  context_window?: number;

  /** Tokens of the longest answer. Default: what the shipped list of models says, else not known. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_STEP_TOKENS)
  max_output_tokens?: number;
}

/** What calls cost. The base is the price list that ships with the gateway. */
export class PricingConfig {
  /**
   * What happens to a call of a model without a known price: `block` refuses it, `estimate` charges the dearest price of
   * that kind of provider and flags the row, `free` charges nothing.
   */
  @IsIn(['block', 'estimate', 'free'])
  unknown: 'block' | 'estimate' | 'free' = 'block';

  /**
   * The longest answer of a call that names no bound and is paid from a hard budget: so much is reserved, and sent to the
   * provider as its bound. Less where the model writes less; 4096 where its longest answer is not known.
   * @example 32768
   */
  @IsInt()
  @Min(256)
  @Max(1_000_000)
  unbounded_answer_tokens = 32_768;

  /** Prices that win over the price list, by `model` or `provider/model` (the more exact one wins). */
  @MapOf(() => PriceOverride)
  overrides: Record<string, PriceOverride> = noEntries();
}
