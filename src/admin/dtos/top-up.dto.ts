import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length, Matches } from 'class-validator';
import type { BudgetTopUp, TopUpFields } from '../../billing';
import { formatUsd } from '../../core/money';
import { IsAmount, toAmount } from './amount';
import { IsTime } from './fields';

const MAX_REASON_LENGTH = 500;

export class CreateTopUpDto {
  @ApiProperty({ example: '50', description: 'Decimal text in USD, above zero.' })
  @IsAmount()
  amount_usd!: string;

  @ApiProperty({
    format: 'date-time',
    example: '2026-12-31T23:59:59Z',
    description: 'It ends with its period at latest.',
  })
  @IsTime()
  expires_at!: string;

  @ApiProperty({ example: 'quarter-end report' })
  @IsString()
  @Length(1, MAX_REASON_LENGTH)
  @Matches(/^\P{Cc}*$/u, { message: '$property must not hold control characters' })
  reason!: string;
}

export class TopUpDto {
  @ApiProperty({ example: 'top_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 'bud_01kb3v0000abcdefghjkmnpqrs' })
  budget_id!: string;

  @ApiProperty({ example: '50' })
  amount_usd!: string;

  @ApiProperty({ format: 'date-time' })
  expires_at!: string;

  @ApiProperty({ example: 'quarter-end report' })
  reason!: string;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;
}

export class TopUpListDto {
  @ApiProperty({ type: () => [TopUpDto] })
  data!: TopUpDto[];
}

export const toTopUp = (dto: CreateTopUpDto): TopUpFields => ({
  amountNanoUsd: toAmount(dto.amount_usd, 'amount_usd'),
  expiresAt: new Date(dto.expires_at),
  reason: dto.reason,
});

export const fromTopUp = (topUp: BudgetTopUp): TopUpDto => ({
  id: topUp.id,
  budget_id: topUp.budgetId,
  amount_usd: formatUsd(topUp.amountNanoUsd),
  expires_at: topUp.expiresAt.toISOString(),
  reason: topUp.reason,
  created_at: topUp.createdAt.toISOString(),
});
