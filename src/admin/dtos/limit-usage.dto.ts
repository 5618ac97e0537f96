import { ApiProperty } from '@nestjs/swagger';
import type { LimitUsage } from '../../rate-limit';

export class LimitUseDto {
  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 60,
    description: 'Null: no limit, and its use is not counted.',
  })
  limit!: number | null;

  @ApiProperty({ type: 'integer', example: 12 })
  used!: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 48,
    description: 'Never below 0; null where there is no limit.',
  })
  remaining!: number | null;
}

export class WindowUseDto extends LimitUseDto {
  @ApiProperty({ type: 'integer', example: 60 })
  window_seconds!: number;

  @ApiProperty({
    type: 'integer',
    example: 58_200,
    description: 'Until nothing is used, when nothing more is asked for.',
  })
  resets_in_ms!: number;
}

export class LimitUsageDto {
  @ApiProperty({ example: 'team' })
  scope!: string;

  @ApiProperty({ example: 'team_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ type: WindowUseDto })
  requests!: WindowUseDto;

  @ApiProperty({ type: WindowUseDto })
  tokens!: WindowUseDto;

  @ApiProperty({ type: LimitUseDto })
  concurrency!: LimitUseDto;

  @ApiProperty({ description: 'The shared store did not answer: this is what one replica knows.' })
  degraded!: boolean;
}

export function fromLimitUsage(scope: string, id: string, usage: LimitUsage): LimitUsageDto {
  const windowOf = ({ resetMs, ...use }: LimitUsage['requests']): WindowUseDto => ({
    ...useOf(use),
    window_seconds: usage.windowMs / 1000,
    resets_in_ms: Math.ceil(resetMs),
  });
  return {
    scope,
    id,
    requests: windowOf(usage.requests),
    tokens: windowOf(usage.tokens),
    concurrency: useOf(usage.concurrency),
    degraded: usage.degraded,
  };
}

interface Use {
  readonly limit: number | null;
  readonly used: number;
  readonly remaining: number | null;
}

const useOf = ({ limit, used }: LimitUsage['concurrency']): Use => ({
  limit,
  used,
  remaining: limit === null ? null : Math.max(0, limit - used),
});
