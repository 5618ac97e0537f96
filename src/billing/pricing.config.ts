import { plainToInstance } from 'class-transformer';
import {
  IsIn,
  IsNumber,
  IsOptional,
  Max,
  Min,
  ValidateBy,
  validateSync,
  type ValidationOptions,
} from 'class-validator';

/** No model costs more than this for a million tokens; a larger figure is a mistaken unit. */
const MAX_USD_PER_MILLION = 1_000_000;

const Price = (): PropertyDecorator => (target, property) => {
  IsNumber({ allowInfinity: false, allowNaN: false }, { message: '$property must be a number of USD, such as 2.5' })(
    target,
    property,
  );
  Min(0)(target, property);
  Max(MAX_USD_PER_MILLION)(target, property);
};

/** The prices of one model, in USD per million tokens unless said otherwise. */
export class PriceOverride {
  /** Prompt tokens. */
  @Price()
  input!: number;

  /** Answer tokens. */
  @Price()
  output!: number;

  /** Prompt tokens read from the provider's cache. Default: the price of `input`. */
  @IsOptional()
  @Price()
  cache_read?: number;

  /** Prompt tokens written to the provider's cache for five minutes. Default: the price of `input`. */
  @IsOptional()
  @Price()
  cache_write_5m?: number;

  /** Prompt tokens written to the provider's cache for an hour. Default: the price of `cache_write_5m`. */
  @IsOptional()
  @Price()
  cache_write_1h?: number;

  /** Reasoning tokens. Default: the price of `output`. */
  @IsOptional()
  @Price()
  reasoning?: number;

  /** Audio tokens of the prompt. Default: the price of `input`. */
  @IsOptional()
  @Price()
  input_audio?: number;

  /** Audio tokens of the answer. Default: the price of `output`. */
  @IsOptional()
  @Price()
  output_audio?: number;

  /** USD for a thousand web searches made by the provider. Default: 0. */
  @IsOptional()
  @Price()
  web_searches_per_thousand?: number;

  /** USD for a thousand calls, whatever their size. Default: 0. */
  @IsOptional()
  @Price()
  requests_per_thousand?: number;
}

function faultsOf(overrides: unknown): string[] {
  if (typeof overrides !== 'object' || overrides === null || Array.isArray(overrides))
    return ['must map model names to prices'];
  return Object.entries(overrides).flatMap(([model, prices]: [string, unknown]) => {
    if (typeof prices !== 'object' || prices === null)
      return [`${model}: must be an object such as { input: 2.5, output: 10 }`];
    const errors = validateSync(plainToInstance(PriceOverride, prices), {
      whitelist: true,
      forbidNonWhitelisted: true,
    });
    return errors.flatMap((error) => Object.values(error.constraints ?? {}).map((fault) => `${model}: ${fault}`));
  });
}

const IsPriceOverrides = (options?: ValidationOptions): PropertyDecorator =>
  ValidateBy(
    {
      name: 'isPriceOverrides',
      validator: {
        validate: (value: unknown) => faultsOf(value).length === 0,
        defaultMessage: (about) => `$property: ${faultsOf(about?.value).join('; ')}`,
      },
    },
    options,
  );

/** What calls cost. The base is the price list that ships with the gateway. */
export class PricingConfig {
  /**
   * What happens to a call of a model without a known price: `block` refuses it, `estimate` charges the dearest price of
   * that kind of provider and flags the row, `free` charges nothing.
   */
  @IsIn(['block', 'estimate', 'free'])
  unknown: 'block' | 'estimate' | 'free' = 'block';

  /** Prices that win over the price list, by `model` or `provider/model` (the more exact one wins). */
  @IsPriceOverrides()
  overrides: Record<string, PriceOverride> = {};
}
