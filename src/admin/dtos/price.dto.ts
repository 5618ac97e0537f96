import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { PRICE_ORIGINS, type PriceInForce, type PriceOrigin, type PriceOverride } from '../../billing';
import { InvalidRequestError } from '../../core/errors';
import { MODEL_CAPABILITIES, type ModelCapability } from '../../core/model-facts';
import { MayBeAbsent } from './fields';
import { fromModelPrice } from './model-price.dto';
import { PageDto, PageQueryDto } from './page.dto';

const MAX_STEPS = 10;
const MAX_STEP_TOKENS = 100_000_000;
const MAX_SEARCH_LENGTH = 256;
/** Not finer than the millionth of a dollar that a price is kept in: what is stated is never changed in silence. */
const PRICE = /^\d{1,7}(\.\d{1,6}0{0,6})?$/;
const MAX_PRICE = 1_000_000;

function IsPrice(): PropertyDecorator {
  return (target, property) => {
    MayBeAbsent()(target, property);
    Matches(PRICE, {
      message:
        '$property must be a price in USD per million tokens as a text with at most 6 decimals, for example "2.5" or "0.0375"',
    })(target, property);
  };
}

function IsTokens(): PropertyDecorator {
  return (target, property) => {
    for (const check of [MayBeAbsent(), IsInt(), Min(1), Max(MAX_STEP_TOKENS)]) check(target, property);
  };
}

/** In USD per million tokens, as decimal text. */
abstract class KindPricesDto {
  @ApiPropertyOptional({ example: '2.5', description: 'Prompt tokens.' })
  @IsPrice()
  input?: string;

  @ApiPropertyOptional({ example: '10', description: 'Answer tokens.' })
  @IsPrice()
  output?: string;

  @ApiPropertyOptional({ example: '1.25', description: 'Read from the provider’s cache. Default: `input`.' })
  @IsPrice()
  cache_read?: string;

  @ApiPropertyOptional({ example: '3.125', description: 'Written to it for five minutes. Default: `input`.' })
  @IsPrice()
  cache_write_5m?: string;

  @ApiPropertyOptional({ example: '5', description: 'Written to it for an hour. Default: `cache_write_5m`.' })
  @IsPrice()
  cache_write_1h?: string;

  @ApiPropertyOptional({ example: '10', description: 'Reasoning tokens. Default: `output`.' })
  @IsPrice()
  reasoning?: string;

  @ApiPropertyOptional({ example: '40', description: 'Audio tokens of the prompt. Default: `input`.' })
  @IsPrice()
  input_audio?: string;

  @ApiPropertyOptional({ example: '80', description: 'Audio tokens of the answer. Default: `output`.' })
  @IsPrice()
  output_audio?: string;

  @ApiPropertyOptional({ example: '2.5', description: 'Image tokens of the prompt. Default: `input`.' })
  @IsPrice()
  input_image?: string;

  @ApiPropertyOptional({ example: '30', description: 'Image tokens of the answer. Default: `output`.' })
  @IsPrice()
  output_image?: string;
}

export class LongContextPricesDto extends KindPricesDto {
  @ApiProperty({ example: 200_000, description: 'For all tokens of calls with a longer prompt.', type: 'integer' })
  @IsInt()
  @Min(1)
  @Max(MAX_STEP_TOKENS)
  above_input_tokens!: number;
}

export class ServiceTierPricesDto extends KindPricesDto {
  @ApiPropertyOptional({ type: [LongContextPricesDto] })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MAX_STEPS)
  @ValidateNested({ each: true })
  @Type(() => LongContextPricesDto)
  long_context?: LongContextPricesDto[];
}

/** What is left out costs what it costs in the ordinary tier. */
export class ServiceTiersDto {
  @ApiPropertyOptional({ type: ServiceTierPricesDto })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ServiceTierPricesDto)
  priority?: ServiceTierPricesDto;

  @ApiPropertyOptional({ type: ServiceTierPricesDto })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ServiceTierPricesDto)
  flex?: ServiceTierPricesDto;

  @ApiPropertyOptional({ type: ServiceTierPricesDto })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ServiceTierPricesDto)
  fast?: ServiceTierPricesDto;

  @ApiPropertyOptional({ type: ServiceTierPricesDto })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ServiceTierPricesDto)
  batch?: ServiceTierPricesDto;
}

/** The prices of a model, in USD per million tokens unless said otherwise. `input` and `output` are required. */
export class ModelPricesDto extends ServiceTierPricesDto {
  @ApiPropertyOptional({ example: '10', description: 'USD for a thousand web searches of the provider.' })
  @IsPrice()
  web_searches_per_thousand?: string;

  @ApiPropertyOptional({ example: '0', description: 'USD for a thousand calls.' })
  @IsPrice()
  requests_per_thousand?: string;

  @ApiPropertyOptional({ type: ServiceTiersDto })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ServiceTiersDto)
  service_tiers?: ServiceTiersDto;

  @ApiPropertyOptional({
    type: 'integer',
    example: 128_000,
    description: 'Tokens of the prompt and the answer together.',
  })
  @IsTokens()
  context_window?: number;

  @ApiPropertyOptional({ type: 'integer', example: 16_384, description: 'Tokens of the longest answer.' })
  @IsTokens()
  max_output_tokens?: number;
}

export class PriceQueryDto extends PageQueryDto {
  @ApiPropertyOptional({ enum: PRICE_ORIGINS, description: 'Only prices from there.' })
  @MayBeAbsent()
  @IsIn(PRICE_ORIGINS)
  source?: PriceOrigin;

  @ApiPropertyOptional({ description: 'Only models with this in their name.', example: 'gpt-4o' })
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_SEARCH_LENGTH)
  search?: string;
}

/** All prices of a model, those that follow from others included. */
@ApiExtraModels(ServiceTierPricesDto)
export class PricesDto extends ModelPricesDto {
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { $ref: getSchemaPath(ServiceTierPricesDto) },
    description: 'By the name of the tier.',
  })
  override service_tiers?: ServiceTiersDto;
}

export class PriceDto {
  @ApiProperty({ example: 'openai/gpt-4o' })
  model!: string;

  @ApiProperty({ enum: PRICE_ORIGINS, description: '`config`: pricing.overrides of the configuration file.' })
  source!: PriceOrigin;

  @ApiProperty({
    type: String,
    nullable: true,
    example: '17',
    description: 'Of a price set here; grows with every change.',
  })
  version!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Since when it is set.' })
  since!: string | null;

  @ApiProperty({ type: PricesDto })
  prices!: PricesDto;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 128_000,
    description: 'Tokens of the prompt and the answer together; null: not known.',
  })
  context_window!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 16_384, description: 'Tokens of the longest answer.' })
  max_output_tokens!: number | null;

  @ApiProperty({ enum: MODEL_CAPABILITIES, isArray: true, nullable: true, description: 'null: not known.' })
  capabilities!: readonly ModelCapability[] | null;
}

export class PricePageDto extends PageDto {
  @ApiProperty({ type: [PriceDto] })
  data!: PriceDto[];

  @ApiProperty({ example: '9f3c1a0b2d4e5f60', description: 'Of all prices; stands in every row charged by them.' })
  version!: string;
}

/** Throws `InvalidRequestError` with the field that is wrong. */
export function toPrices(dto: ModelPricesDto): PriceOverride {
  const { input, output } = dto;
  if (input === undefined) throw missing('input');
  if (output === undefined) throw missing('output');
  refuseTooDear(dto, '');
  return JSON.parse(JSON.stringify(dto)) as PriceOverride;
}

const missing = (field: string): InvalidRequestError =>
  new InvalidRequestError(`${field} is required: the price in USD per million tokens as a text.`, field);

function refuseTooDear(value: object, path: string): void {
  for (const [name, part] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    if (typeof part === 'object' && part !== null) refuseTooDear(part as object, at);
    else if (typeof part === 'string' && Number(part) > MAX_PRICE)
      throw new InvalidRequestError(`${at} must be at most ${MAX_PRICE} USD per million tokens.`, at);
  }
}

export const fromPrice = ({ model, source, version, since, price, facts }: PriceInForce): PriceDto => ({
  model,
  source,
  version,
  since: since?.toISOString() ?? null,
  prices: fromModelPrice(price),
  context_window: facts.contextWindow,
  max_output_tokens: facts.maxOutputTokens,
  capabilities: facts.capabilities,
});
