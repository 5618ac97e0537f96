import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { PriceImportResult } from '../../billing';
import { IsFlag, MayBeAbsent } from './fields';
import { fromModelPrice } from './model-price.dto';
import { PricesDto } from './price.dto';

export class PriceImportQueryDto {
  @ApiPropertyOptional({ enum: ['true', 'false'], description: '`true`: only tells what an import would do.' })
  @MayBeAbsent()
  @IsFlag()
  dry_run?: string;
}

class ImportedPriceDto {
  @ApiProperty({ example: 'gpt-4o' })
  model!: string;

  @ApiProperty({
    type: PricesDto,
    nullable: true,
    description: 'In force before, from wherever; null: none was known.',
  })
  before!: PricesDto | null;

  @ApiProperty({ type: PricesDto })
  after!: PricesDto;
}

class SkippedPriceDto {
  @ApiProperty({ example: 'dall-e-3' })
  model!: string;

  @ApiProperty({ example: 'has no price for a prompt token' })
  reason!: string;
}

class IgnoredPricesDto {
  @ApiProperty({ example: 'gpt-4o' })
  model!: string;

  @ApiProperty({ type: [String], example: ['input_cost_per_token_batches'] })
  fields!: readonly string[];
}

export class PriceImportDto {
  @ApiProperty({ description: 'Nothing was changed.' })
  dry_run!: boolean;

  @ApiProperty({ example: 240 })
  imported!: number;

  @ApiProperty({ example: 200, description: 'Of those imported: had no known price before.' })
  added!: number;

  @ApiProperty({ example: 12, description: 'Had this price already.' })
  unchanged!: number;

  @ApiProperty({ type: [SkippedPriceDto], description: 'Not carried over.' })
  skipped!: readonly SkippedPriceDto[];

  @ApiProperty({ type: [IgnoredPricesDto], description: 'Carried over without these.' })
  ignored!: readonly IgnoredPricesDto[];

  @ApiProperty({ type: [ImportedPriceDto], description: 'Each that is imported.' })
  changes!: readonly ImportedPriceDto[];
}

/** What an import came to, as the audit log keeps it: the prices themselves stay on record by themselves. */
export const sumsOfImport = ({ imported, unchanged, skipped, ignored }: PriceImportResult) => ({
  imported: imported.length,
  added: imported.filter(({ before }) => before === null).length,
  unchanged,
  skipped,
  ignored,
});

export const fromPriceImport = (result: PriceImportResult, isDryRun: boolean): PriceImportDto => ({
  dry_run: isDryRun,
  ...sumsOfImport(result),
  changes: result.imported.map(({ model, before, after }) => ({
    model,
    before: before && fromModelPrice(before),
    after: fromModelPrice(after),
  })),
});
