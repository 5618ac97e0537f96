import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import type { ProviderCheck, ProviderOverview, TargetStatus } from '../../providers';
import { MayBeAbsent } from './fields';
import { PageDto } from './page.dto';

const MAX_MODEL_LENGTH = 200;

class CooldownDto {
  @ApiProperty({
    enum: ['asked', 'chosen'],
    description: '`asked`: the provider named the wait, and is never called before; `chosen`: the gateway avoids it.',
  })
  kind!: string;

  @ApiProperty({ example: 'http_429' })
  reason!: string;

  @ApiProperty({ format: 'date-time' })
  until!: string;
}

class QuotaLeftDto {
  @ApiProperty({ type: Number, nullable: true })
  limit!: number | null;

  @ApiProperty()
  remaining!: number;

  @ApiProperty({ format: 'date-time' })
  resets_at!: string;
}

class ModelHealthDto {
  @ApiProperty({ example: 'gpt-4o' })
  model!: string;

  @ApiProperty({ enum: ['closed', 'open', 'half_open'], description: '`open`: left alone because it keeps failing.' })
  breaker!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    format: 'date-time',
    description: 'When an open breaker lets a call try.',
  })
  breaker_open_until!: string | null;

  @ApiProperty({ type: CooldownDto, nullable: true })
  cooldown!: CooldownDto | null;

  @ApiProperty({ type: Number, nullable: true, description: 'Peak-EWMA; null when never measured.' })
  first_byte_ms!: number | null;

  @ApiProperty({ type: Number, nullable: true, description: 'Peak-EWMA of the time of an output token in a stream.' })
  per_token_ms!: number | null;

  @ApiProperty({ type: QuotaLeftDto, nullable: true, description: 'As the provider last said.' })
  quota_requests!: QuotaLeftDto | null;

  @ApiProperty({ type: QuotaLeftDto, nullable: true, description: 'As the provider last said.' })
  quota_tokens!: QuotaLeftDto | null;
}

export class ProviderDto {
  @ApiProperty({ example: 'openai' })
  name!: string;

  @ApiProperty({ example: 'openai' })
  type!: string;

  @ApiProperty({ example: 'api.openai.com', description: 'Host of the address; nothing else of it is shown.' })
  host!: string;

  @ApiProperty({ example: 1 })
  priority!: number;

  @ApiProperty({ type: String, nullable: true, description: 'null: each model has a quota of its own.' })
  quota_domain!: string | null;

  @ApiProperty({ description: 'Calls in flight on this replica.' })
  active_calls!: number;

  @ApiProperty({ type: [ModelHealthDto] })
  models!: ModelHealthDto[];
}

export class ProviderPageDto extends PageDto {
  @ApiProperty({ type: [ProviderDto] })
  data!: ProviderDto[];
}

export class TestProviderDto {
  @ApiPropertyOptional({ description: 'One of its models. Default: the first.', example: 'gpt-4o-mini' })
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_MODEL_LENGTH)
  model?: string;
}

class CheckErrorDto {
  @ApiProperty({ example: 'http_401' })
  reason!: string;

  @ApiProperty({ type: Number, nullable: true, example: 401 })
  status!: number | null;

  @ApiProperty()
  message!: string;
}

export class ProviderCheckDto {
  @ApiProperty({ description: 'Whether it answered.' })
  ok!: boolean;

  @ApiProperty({ example: 412.5 })
  latency_ms!: number;

  @ApiProperty({ description: 'The model that was asked.' })
  model!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The model that answered, in the provider’s words.' })
  served_model!: string | null;

  @ApiProperty({ type: CheckErrorDto, nullable: true })
  error!: CheckErrorDto | null;
}

const milliseconds = (value: number | null): number | null => (value === null ? null : Math.round(value * 100) / 100);
const time = (wallMs: number): string => new Date(wallMs).toISOString();

function fromStatus(status: TargetStatus, nowMs: number): ModelHealthDto {
  const { cooldown, openForMs, quota } = status;
  const left = (known: TargetStatus['quota']['requests']): QuotaLeftDto | null =>
    known && { limit: known.limit, remaining: known.remaining, resets_at: time(known.resetAtMs) };
  return {
    model: status.model,
    breaker: status.breaker,
    breaker_open_until: openForMs === null ? null : time(nowMs + openForMs),
    cooldown: cooldown && { kind: cooldown.kind, reason: cooldown.reason, until: time(nowMs + cooldown.endsInMs) },
    first_byte_ms: milliseconds(status.firstByteMs),
    per_token_ms: milliseconds(status.perTokenMs),
    quota_requests: left(quota.requests),
    quota_tokens: left(quota.tokens),
  };
}

export const fromOverview = (overview: ProviderOverview, nowMs: number): ProviderDto => ({
  name: overview.name,
  type: overview.type,
  host: overview.host,
  priority: overview.priority,
  quota_domain: overview.quotaDomain,
  active_calls: overview.activeCalls,
  models: overview.models.map((status) => fromStatus(status, nowMs)),
});

export const fromCheck = ({ ok, latencyMs, model, servedModel, error }: ProviderCheck): ProviderCheckDto => ({
  ok,
  latency_ms: milliseconds(latencyMs) ?? 0,
  model,
  served_model: servedModel,
  error,
});
