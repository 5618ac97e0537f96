import { ApiProperty } from '@nestjs/swagger';
import type { UnpricedModel } from '../../billing';

class UnpricedModelDto {
  @ApiProperty({ example: 'local' })
  provider!: string;

  @ApiProperty({ example: 'our-own-model' })
  model!: string;

  @ApiProperty({ description: 'The configuration offers it now.' })
  offered!: boolean;

  @ApiProperty({ example: 12, description: 'Calls of the last 30 days charged by a guess or not at all.' })
  calls!: number;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  last_called_at!: string | null;
}

export class UnpricedListDto {
  @ApiProperty({ type: [UnpricedModelDto] })
  data!: UnpricedModelDto[];
}

export const fromUnpriced = ({ provider, model, offered, calls, lastCalledAt }: UnpricedModel): UnpricedModelDto => ({
  provider,
  model,
  offered,
  calls,
  last_called_at: lastCalledAt?.toISOString() ?? null,
});
