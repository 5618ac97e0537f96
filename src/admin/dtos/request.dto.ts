import { ApiProperty } from '@nestjs/swagger';
import type { RequestDetail, UsageAttempt, UsageRequest } from '../../billing';
import type { Decision } from '../../core/context';
import { formatUsd } from '../../core/money';
import { PageDto } from './page.dto';

/** The figures that requests and attempts have in common. */
abstract class FiguresDto {
  @ApiProperty({ example: 120 })
  input_tokens!: number;

  @ApiProperty({ example: 0 })
  cache_read_tokens!: number;

  @ApiProperty({ example: 0 })
  cache_write_5m_tokens!: number;

  @ApiProperty({ example: 0 })
  cache_write_1h_tokens!: number;

  @ApiProperty({ example: 0 })
  input_audio_tokens!: number;

  @ApiProperty({ example: 120 })
  output_tokens!: number;

  @ApiProperty({ example: 0 })
  reasoning_tokens!: number;

  @ApiProperty({ example: 0 })
  output_audio_tokens!: number;

  @ApiProperty({ example: 0 })
  web_searches!: number;

  @ApiProperty({ example: '0.00045' })
  cost_usd!: string;
}

export class AttemptDto extends FiguresDto {
  @ApiProperty({ example: 'att_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: 1 })
  index!: number;

  @ApiProperty({ example: 'openai' })
  provider!: string;

  @ApiProperty({ example: 'gpt-4o' })
  model!: string;

  @ApiProperty({ type: String, nullable: true, example: 'gpt-4o-2024-08-06' })
  served_model!: string | null;

  @ApiProperty({ example: '2026-11-23T12:00:00.000Z' })
  started_at!: string;

  @ApiProperty({ example: 'succeeded' })
  status!: string;

  @ApiProperty({ type: Number, nullable: true, example: 200 })
  http_status!: number | null;

  @ApiProperty({ type: String, nullable: true, example: null })
  error!: string | null;

  @ApiProperty({ example: 'provider' })
  usage_source!: string;

  @ApiProperty({ example: 'openai/gpt-4o' })
  price_id!: string;

  @ApiProperty({ example: 'catalogue' })
  price_source!: string;

  @ApiProperty({ example: '3f2a9c0d11e84b57' })
  price_version!: string;

  @ApiProperty({ type: Number, nullable: true, example: 812 })
  latency_ms!: number | null;

  @ApiProperty({ type: Number, nullable: true, example: 204 })
  ttfb_ms!: number | null;

  @ApiProperty({
    description: 'What was charged for a million tokens of each kind, in USD.',
    type: Object,
    example: { input: '2.5', output: '10' },
  })
  prices_usd_per_million!: Record<string, string>;
}

export class DecisionDto {
  @ApiProperty({ example: 0.4 })
  at_ms!: number;

  @ApiProperty({
    example: 'route',
    description: 'access, request, rate_limit, idempotency, cache, route, budget, attempt or reply.',
  })
  stage!: string;

  @ApiProperty({ example: 'fallback' })
  what!: string;

  @ApiProperty({ type: Object, example: { from: 'openai' } })
  facts!: Record<string, unknown>;
}

export class RequestDto extends FiguresDto {
  @ApiProperty({ example: 'req_01kb3v0000abcdefghjkmnpqrs' })
  id!: string;

  @ApiProperty({ example: '2026-11-23T12:00:00.000Z' })
  started_at!: string;

  @ApiProperty({ example: 'key_01kb3v0000abcdefghjkmnpqrs' })
  key_id!: string;

  @ApiProperty({ example: 'search-backend' })
  key_name!: string;

  @ApiProperty({ type: String, nullable: true, example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  user_id!: string | null;

  @ApiProperty({ example: 'team_01kb3v0000abcdefghjkmnpqrs' })
  team_id!: string;

  @ApiProperty({ example: 'dep_01kb3v0000abcdefghjkmnpqrs' })
  department_id!: string;

  @ApiProperty({ example: '/v1/chat/completions' })
  endpoint!: string;

  @ApiProperty({ example: 'openai' })
  dialect!: string;

  @ApiProperty({ type: String, nullable: true, example: 'smart' })
  requested_model!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'openai' })
  provider!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'gpt-4o' })
  model!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'gpt-4o-2024-08-06' })
  served_model!: string | null;

  @ApiProperty({ example: true })
  stream!: boolean;

  @ApiProperty({ example: 200 })
  status!: number;

  @ApiProperty({ type: String, nullable: true, example: null })
  error_code!: string | null;

  @ApiProperty({ example: 'miss' })
  cache_status!: string;

  @ApiProperty({ example: 1 })
  attempt_count!: number;

  @ApiProperty({ example: false })
  fallback!: boolean;

  @ApiProperty({ example: '0' })
  saved_usd!: string;

  @ApiProperty({ type: String, nullable: true, example: 'provider' })
  usage_source!: string | null;

  @ApiProperty({ type: String, nullable: true, example: '3f2a9c0d11e84b57' })
  price_version!: string | null;

  @ApiProperty({ example: '1' })
  config_version!: string;

  @ApiProperty({ type: Number, nullable: true, example: 830 })
  latency_ms!: number | null;

  @ApiProperty({ type: Number, nullable: true, example: 210 })
  ttfb_ms!: number | null;

  @ApiProperty({ type: Number, nullable: true, example: 0.9 })
  overhead_ms!: number | null;

  @ApiProperty({ type: Object, nullable: true, example: { app: 'search' } })
  metadata!: Record<string, string> | null;
}

export class RequestDetailDto extends RequestDto {
  @ApiProperty({ type: [AttemptDto] })
  attempts!: AttemptDto[];

  @ApiProperty({ type: [DecisionDto], description: 'What was decided for this request, in order, and why.' })
  decisions!: DecisionDto[];

  @ApiProperty({ description: 'Whether `GET :id/content` has what was asked and answered.' })
  has_content!: boolean;
}

export class RequestPageDto extends PageDto {
  @ApiProperty({ type: [RequestDto] })
  data!: RequestDto[];
}

const figures = (row: UsageRequest | UsageAttempt) => ({
  input_tokens: row.inputTokens,
  cache_read_tokens: row.cacheReadTokens,
  cache_write_5m_tokens: row.cacheWrite5mTokens,
  cache_write_1h_tokens: row.cacheWrite1hTokens,
  input_audio_tokens: row.inputAudioTokens,
  output_tokens: row.outputTokens,
  reasoning_tokens: row.reasoningTokens,
  output_audio_tokens: row.outputAudioTokens,
  web_searches: row.webSearches,
  cost_usd: formatUsd(row.costNanoUsd),
});

export const fromRequest = (row: UsageRequest): RequestDto => ({
  id: row.id,
  started_at: row.startedAt.toISOString(),
  key_id: row.keyId,
  key_name: row.keyName,
  user_id: row.userId,
  team_id: row.teamId,
  department_id: row.departmentId,
  endpoint: row.endpoint,
  dialect: row.dialect,
  requested_model: row.requestedModel,
  provider: row.provider,
  model: row.model,
  served_model: row.servedModel,
  stream: row.stream,
  status: row.status,
  error_code: row.errorCode,
  cache_status: row.cacheStatus,
  attempt_count: row.attempts,
  fallback: row.fallback,
  saved_usd: formatUsd(row.savedNanoUsd),
  usage_source: row.usageSource,
  price_version: row.priceVersion,
  config_version: row.configVersion,
  latency_ms: row.latencyMs,
  ttfb_ms: row.ttfbMs,
  overhead_ms: row.overheadMs,
  metadata: row.metadata,
  ...figures(row),
});

/** Pico-dollars for one token are millionths of a dollar for a million. */
const perMillion = (pico: bigint): string => formatUsd(pico * 1_000n);

const fromAttempt = (row: UsageAttempt): AttemptDto => ({
  id: row.id,
  index: row.index,
  provider: row.provider,
  model: row.model,
  served_model: row.servedModel,
  started_at: row.startedAt.toISOString(),
  status: row.status,
  http_status: row.httpStatus,
  error: row.error,
  usage_source: row.usageSource,
  price_id: row.priceId,
  price_source: row.priceSource,
  price_version: row.priceVersion,
  latency_ms: row.latencyMs,
  ttfb_ms: row.ttfbMs,
  prices_usd_per_million: {
    input: perMillion(row.inputPricePico),
    cache_read: perMillion(row.cacheReadPricePico),
    cache_write_5m: perMillion(row.cacheWrite5mPricePico),
    cache_write_1h: perMillion(row.cacheWrite1hPricePico),
    input_audio: perMillion(row.inputAudioPricePico),
    output: perMillion(row.outputPricePico),
    reasoning: perMillion(row.reasoningPricePico),
    output_audio: perMillion(row.outputAudioPricePico),
  },
  ...figures(row),
});

const fromDecision = ({ atMs, stage, what, facts }: Decision): DecisionDto => ({ at_ms: atMs, stage, what, facts });

export const fromRequestDetail = ({ request, attempts }: RequestDetail, hasContent: boolean): RequestDetailDto =>
  Object.assign(fromRequest(request), {
    attempts: attempts.map(fromAttempt),
    decisions: (request.decisions ?? []).map(fromDecision),
    has_content: hasContent,
  });
