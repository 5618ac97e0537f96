import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsString, Length, Matches } from 'class-validator';
import type { ReRatingRange, ReRatingResult } from '../../billing';
import { formatUsd } from '../../core/money';
import { IsName, IsTime, MayBeAbsent } from './fields';

const MAX_REASON_LENGTH = 500;
const MAX_MODEL_LENGTH = 256;

export class ReRatingDto {
  @ApiProperty({
    format: 'date-time',
    example: '2026-11-01T00:00:00Z',
    description: 'Attempts that began then or later.',
  })
  @IsTime()
  from!: string;

  @ApiProperty({ format: 'date-time', example: '2026-12-01T00:00:00Z', description: 'And before this time.' })
  @IsTime()
  to!: string;

  @ApiPropertyOptional({ example: 'openai', description: 'Only calls to this provider.' })
  @MayBeAbsent()
  @IsName()
  provider?: string;

  @ApiPropertyOptional({ example: 'gpt-4o', description: 'Only calls of this model, as the provider knows it.' })
  @MayBeAbsent()
  @IsString()
  @Length(1, MAX_MODEL_LENGTH)
  @Matches(/^\P{Cc}*$/u, { message: '$property must not hold control characters' })
  model?: string;

  @ApiPropertyOptional({ default: true, description: '`false`: the difference is posted. Else it is only told.' })
  @MayBeAbsent()
  @IsBoolean()
  dry_run?: boolean;

  @ApiProperty({ example: 'the list had the price of last year', description: 'Stands in the audit log.' })
  @IsString()
  @Length(1, MAX_REASON_LENGTH)
  @Matches(/^\P{Cc}*$/u, { message: '$property must not hold control characters' })
  reason!: string;
}

class ReRatedSumsDto {
  @ApiProperty({ example: 1200, description: 'Looked at.' })
  attempts!: number;

  @ApiProperty({ example: 1100, description: 'Whose cost is another one.' })
  changed!: number;

  @ApiProperty({ example: '12.5' })
  before_usd!: string;

  @ApiProperty({ example: '10' })
  after_usd!: string;

  @ApiProperty({ example: '-2.5' })
  difference_usd!: string;
}

export class ReRatedModelDto extends ReRatedSumsDto {
  @ApiProperty({ example: 'openai' })
  provider!: string;

  @ApiProperty({ example: 'gpt-4o' })
  model!: string;
}

class UnratedModelDto {
  @ApiProperty({ example: 'local' })
  provider!: string;

  @ApiProperty({ example: 'our-own-model' })
  model!: string;

  @ApiProperty({ example: 12 })
  attempts!: number;
}

export class ReRatingResultDto extends ReRatedSumsDto {
  @ApiProperty({ description: 'Nothing was posted.' })
  dry_run!: boolean;

  @ApiProperty({ example: '9f3c1a0b2d4e5f60', description: 'Of the prices that were applied.' })
  price_version!: string;

  @ApiProperty({ type: [ReRatedModelDto] })
  models!: ReRatedModelDto[];

  @ApiProperty({ type: [UnratedModelDto], description: 'Without a known price: left as they are.' })
  unpriced!: readonly UnratedModelDto[];
}

export const toReRatingRange = ({ from, to, provider, model }: ReRatingDto): ReRatingRange => ({
  from: new Date(from),
  to: new Date(to),
  provider,
  model,
});

export function fromReRating({ version, models, unpriced }: ReRatingResult, isDryRun: boolean): ReRatingResultDto {
  const total = models.reduce(
    (sum, model) => ({
      attempts: sum.attempts + model.attempts,
      changed: sum.changed + model.changed,
      beforeNanoUsd: sum.beforeNanoUsd + model.beforeNanoUsd,
      afterNanoUsd: sum.afterNanoUsd + model.afterNanoUsd,
    }),
    { attempts: 0, changed: 0, beforeNanoUsd: 0n, afterNanoUsd: 0n },
  );
  return {
    dry_run: isDryRun,
    price_version: version,
    ...fromSums(total),
    models: models.map((one) => ({ provider: one.provider, model: one.model, ...fromSums(one) })),
    unpriced,
  };
}

type Sums = Omit<ReRatingResult['models'][number], 'provider' | 'model'>;

const fromSums = ({ attempts, changed, beforeNanoUsd, afterNanoUsd }: Sums) => ({
  attempts,
  changed,
  before_usd: formatUsd(beforeNanoUsd),
  after_usd: formatUsd(afterNanoUsd),
  difference_usd: formatUsd(afterNanoUsd - beforeNanoUsd),
});
