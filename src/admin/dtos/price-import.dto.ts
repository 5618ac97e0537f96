import { ApiProperty } from '@nestjs/swagger';
import type { PriceImportResult } from '../../billing';

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
  @ApiProperty({ example: 240 })
  imported!: number;

  @ApiProperty({ example: 12, description: 'Had this price already.' })
  unchanged!: number;

  @ApiProperty({ type: [SkippedPriceDto], description: 'Not carried over.' })
  skipped!: readonly SkippedPriceDto[];

  @ApiProperty({ type: [IgnoredPricesDto], description: 'Carried over without these.' })
  ignored!: readonly IgnoredPricesDto[];
}

export const fromPriceImport = ({ imported, unchanged, skipped, ignored }: PriceImportResult): PriceImportDto => ({
  imported,
  unchanged,
  skipped,
  ignored,
});
