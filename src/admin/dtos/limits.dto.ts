import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import type { Limits } from '../../core/context';
import { MayBeAbsent } from './fields';

/** Far above what any provider serves; more is a typing error. */
const MAX_REQUESTS_PER_MINUTE = 10_000_000;
const MAX_TOKENS_PER_MINUTE = 100_000_000_000;
const MAX_CONCURRENCY = 100_000;

/** Limits of one level. What is left out is not limited at this level; every level that has a limit applies. */
export class LimitsDto {
  @ApiPropertyOptional({ minimum: 1, maximum: MAX_REQUESTS_PER_MINUTE, example: 60, type: 'integer' })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_REQUESTS_PER_MINUTE)
  requests_per_minute?: number;

  @ApiPropertyOptional({ minimum: 1, maximum: MAX_TOKENS_PER_MINUTE, example: 100_000, type: 'integer' })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_TOKENS_PER_MINUTE)
  tokens_per_minute?: number;

  @ApiPropertyOptional({ minimum: 1, maximum: MAX_CONCURRENCY, example: 20, type: 'integer' })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_CONCURRENCY)
  max_concurrency?: number;
}

/** Null when no limit is named: `{}` limits nothing. */
export function toLimits(dto: LimitsDto | null | undefined): Limits | null {
  if (!dto) return null;
  const limits: Limits = {
    ...(dto.requests_per_minute === undefined ? {} : { requestsPerMinute: dto.requests_per_minute }),
    ...(dto.tokens_per_minute === undefined ? {} : { tokensPerMinute: dto.tokens_per_minute }),
    ...(dto.max_concurrency === undefined ? {} : { maxConcurrency: dto.max_concurrency }),
  };
  return Object.keys(limits).length === 0 ? null : limits;
}

export function fromLimits(limits: Limits | null): LimitsDto | null {
  if (!limits) return null;
  const { requestsPerMinute, tokensPerMinute, maxConcurrency } = limits;
  return {
    ...(requestsPerMinute === undefined ? {} : { requests_per_minute: requestsPerMinute }),
    ...(tokensPerMinute === undefined ? {} : { tokens_per_minute: tokensPerMinute }),
    ...(maxConcurrency === undefined ? {} : { max_concurrency: maxConcurrency }),
  };
}
