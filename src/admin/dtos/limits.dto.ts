import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import type { Limits } from '../../core/context';
import { HIGHEST_LIMITS } from '../../core/highest-limits';
import { MayBeAbsent } from './fields';

/** Limits of one level. What is left out is not limited at this level; every level that has a limit applies. */
export class LimitsDto {
  @ApiPropertyOptional({ minimum: 1, maximum: HIGHEST_LIMITS.requestsPerMinute, example: 60, type: 'integer' })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(HIGHEST_LIMITS.requestsPerMinute)
  requests_per_minute?: number;

  @ApiPropertyOptional({ minimum: 1, maximum: HIGHEST_LIMITS.tokensPerMinute, example: 100_000, type: 'integer' })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(HIGHEST_LIMITS.tokensPerMinute)
  tokens_per_minute?: number;

  @ApiPropertyOptional({ minimum: 1, maximum: HIGHEST_LIMITS.maxConcurrency, example: 20, type: 'integer' })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(HIGHEST_LIMITS.maxConcurrency)
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
