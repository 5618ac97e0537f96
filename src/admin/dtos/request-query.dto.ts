import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsNumber, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { Range, RequestFilter } from '../../billing';
import { parseUsd } from '../../core/money';
import { FromText, IsFlag, IsIdOf, MayBeAbsent } from './fields';
import { TimeRangeQueryDto, toTimeRange } from './time-range.dto';

const MAX_TEXT_LENGTH = 512;
const CACHE_STATUSES = ['hit', 'semantic-hit', 'stale-hit', 'miss', 'bypass'];

const IsText = (): PropertyDecorator =>
  applyDecorators(
    IsString(),
    MaxLength(MAX_TEXT_LENGTH),
    Matches(/^\P{Cc}*$/u, { message: '$property must not hold control characters' }),
  );

const IsUsd = (): PropertyDecorator =>
  Matches(/^\d{1,9}(\.\d{1,9})?$/, { message: '$property must be an amount in USD such as 0.25' });

const IsCount = (): PropertyDecorator => applyDecorators(FromText(), IsInt(), Min(0), Max(Number.MAX_SAFE_INTEGER));

const IsMilliseconds = (): PropertyDecorator => applyDecorators(FromText(), IsNumber(), Min(0), Max(2_147_483_647));

/** One end of a range. */
const IsBound = (example: string | number, isKind: () => PropertyDecorator): PropertyDecorator =>
  applyDecorators(ApiPropertyOptional({ example }), MayBeAbsent(), isKind());
const IsUsdBound = (): PropertyDecorator => IsBound('0.25', IsUsd);
const IsCountBound = (): PropertyDecorator => IsBound(1000, IsCount);
const IsTimeBound = (): PropertyDecorator => IsBound(1000, IsMilliseconds);

/** Which requests are wanted: all that fit every filter given. Filters have the names of the answer's fields, some also shorter ones. */
export class RequestQueryDto extends TimeRangeQueryDto {
  @ApiPropertyOptional({ example: 'key_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('key')
  key?: string;

  @ApiPropertyOptional({ description: 'The same as `key`.', example: 'key_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('key')
  key_id?: string;

  @ApiPropertyOptional({ example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('user')
  user?: string;

  @ApiPropertyOptional({ description: 'The same as `user`.', example: 'user_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('user')
  user_id?: string;

  @ApiPropertyOptional({ example: 'team_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('team')
  team?: string;

  @ApiPropertyOptional({ description: 'The same as `team`.', example: 'team_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('team')
  team_id?: string;

  @ApiPropertyOptional({ example: 'dep_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('dep')
  department?: string;

  @ApiPropertyOptional({ description: 'The same as `department`.', example: 'dep_01kb3v0000abcdefghjkmnpqrs' })
  @MayBeAbsent()
  @IsIdOf('dep')
  department_id?: string;

  @ApiPropertyOptional({ example: 'search-backend' })
  @MayBeAbsent()
  @IsText()
  key_name?: string;

  @ApiPropertyOptional({ example: 'openai' })
  @MayBeAbsent()
  @IsText()
  provider?: string;

  @ApiPropertyOptional({ description: 'The model that was asked of the provider.', example: 'gpt-4o' })
  @MayBeAbsent()
  @IsText()
  model?: string;

  @ApiPropertyOptional({
    description: "The model that answered, in the provider's words.",
    example: 'gpt-4o-2024-08-06',
  })
  @MayBeAbsent()
  @IsText()
  served_model?: string;

  @ApiPropertyOptional({ description: 'The model as the client wrote it.', example: 'smart' })
  @MayBeAbsent()
  @IsText()
  requested_model?: string;

  @ApiPropertyOptional({ example: '/v1/chat/completions' })
  @MayBeAbsent()
  @IsText()
  endpoint?: string;

  @ApiPropertyOptional({ example: 'openai' })
  @MayBeAbsent()
  @IsText()
  dialect?: string;

  @ApiPropertyOptional({ example: 'rate_limit_exceeded' })
  @MayBeAbsent()
  @IsText()
  error_code?: string;

  @ApiPropertyOptional({ example: '3f2a9c0d11e84b57' })
  @MayBeAbsent()
  @IsText()
  price_version?: string;

  @ApiPropertyOptional({ example: '1' })
  @MayBeAbsent()
  @IsText()
  config_version?: string;

  @ApiPropertyOptional({ description: 'An HTTP status, or a class of them.', example: '5xx' })
  @MayBeAbsent()
  @Matches(/^[1-5](\d\d|xx)$/, { message: '$property must be a status such as 429 or 5xx' })
  status?: string;

  @ApiPropertyOptional({ example: 'hit' })
  @MayBeAbsent()
  @IsIn(CACHE_STATUSES)
  cache?: string;

  @ApiPropertyOptional({ description: 'The same as `cache`.', example: 'hit' })
  @MayBeAbsent()
  @IsIn(CACHE_STATUSES)
  cache_status?: string;

  @ApiPropertyOptional({ description: 'The least sure source of the figures.', example: 'counted' })
  @MayBeAbsent()
  @IsIn(['provider', 'counted', 'reserved'])
  usage_source?: string;

  @ApiPropertyOptional({ type: 'boolean', example: 'true' })
  @MayBeAbsent()
  @IsFlag()
  stream?: string;

  @ApiPropertyOptional({ type: 'boolean', example: 'true' })
  @MayBeAbsent()
  @IsFlag()
  fallback?: string;

  @ApiPropertyOptional({ example: 2 })
  @MayBeAbsent()
  @IsCount()
  attempts?: number;

  @ApiPropertyOptional({ description: 'The same as `attempts`.', example: 2 })
  @MayBeAbsent()
  @IsCount()
  attempt_count?: number;

  @ApiPropertyOptional({ description: 'A label that the request carries, as name:value.', example: 'app:search' })
  @MayBeAbsent()
  @Matches(/^[^:\p{Cc}]{1,64}:\P{Cc}{0,256}$/u, { message: '$property must be written name:value' })
  metadata?: string;

  @IsUsdBound()
  min_cost_usd?: string;

  @IsUsdBound()
  max_cost_usd?: string;

  @IsUsdBound()
  min_saved_usd?: string;

  @IsUsdBound()
  max_saved_usd?: string;

  @IsCountBound()
  min_input_tokens?: number;

  @IsCountBound()
  max_input_tokens?: number;

  @IsCountBound()
  min_cache_read_tokens?: number;

  @IsCountBound()
  max_cache_read_tokens?: number;

  @IsCountBound()
  min_cache_write_5m_tokens?: number;

  @IsCountBound()
  max_cache_write_5m_tokens?: number;

  @IsCountBound()
  min_cache_write_1h_tokens?: number;

  @IsCountBound()
  max_cache_write_1h_tokens?: number;

  @IsCountBound()
  min_input_audio_tokens?: number;

  @IsCountBound()
  max_input_audio_tokens?: number;

  @IsCountBound()
  min_output_tokens?: number;

  @IsCountBound()
  max_output_tokens?: number;

  @IsCountBound()
  min_reasoning_tokens?: number;

  @IsCountBound()
  max_reasoning_tokens?: number;

  @IsCountBound()
  min_output_audio_tokens?: number;

  @IsCountBound()
  max_output_audio_tokens?: number;

  @IsCountBound()
  min_web_searches?: number;

  @IsCountBound()
  max_web_searches?: number;

  @IsTimeBound()
  min_latency_ms?: number;

  @IsTimeBound()
  max_latency_ms?: number;

  @IsTimeBound()
  min_ttfb_ms?: number;

  @IsTimeBound()
  max_ttfb_ms?: number;

  @IsTimeBound()
  min_overhead_ms?: number;

  @IsTimeBound()
  max_overhead_ms?: number;
}

const flag = (text: string | undefined): boolean | undefined => (text === undefined ? undefined : text === 'true');
const usd = (text: string | undefined): bigint | undefined => (text === undefined ? undefined : parseUsd(text));

export function toRequestFilter(query: RequestQueryDto): RequestFilter {
  return {
    keyId: query.key_id ?? query.key,
    keyName: query.key_name,
    userId: query.user_id ?? query.user,
    teamId: query.team_id ?? query.team,
    departmentId: query.department_id ?? query.department,
    endpoint: query.endpoint,
    dialect: query.dialect,
    requestedModel: query.requested_model,
    provider: query.provider,
    model: query.model,
    servedModel: query.served_model,
    stream: flag(query.stream),
    errorCode: query.error_code,
    cacheStatus: query.cache_status ?? query.cache,
    attempts: query.attempt_count ?? query.attempts,
    fallback: flag(query.fallback),
    usageSource: query.usage_source,
    priceVersion: query.price_version,
    configVersion: query.config_version,
    status: statusRange(query.status),
    costNanoUsd: { min: usd(query.min_cost_usd), max: usd(query.max_cost_usd) },
    savedNanoUsd: { min: usd(query.min_saved_usd), max: usd(query.max_saved_usd) },
    inputTokens: { min: query.min_input_tokens, max: query.max_input_tokens },
    cacheReadTokens: { min: query.min_cache_read_tokens, max: query.max_cache_read_tokens },
    cacheWrite5mTokens: { min: query.min_cache_write_5m_tokens, max: query.max_cache_write_5m_tokens },
    cacheWrite1hTokens: { min: query.min_cache_write_1h_tokens, max: query.max_cache_write_1h_tokens },
    inputAudioTokens: { min: query.min_input_audio_tokens, max: query.max_input_audio_tokens },
    outputTokens: { min: query.min_output_tokens, max: query.max_output_tokens },
    reasoningTokens: { min: query.min_reasoning_tokens, max: query.max_reasoning_tokens },
    outputAudioTokens: { min: query.min_output_audio_tokens, max: query.max_output_audio_tokens },
    webSearches: { min: query.min_web_searches, max: query.max_web_searches },
    latencyMs: { min: query.min_latency_ms, max: query.max_latency_ms },
    ttfbMs: { min: query.min_ttfb_ms, max: query.max_ttfb_ms },
    overheadMs: { min: query.min_overhead_ms, max: query.max_overhead_ms },
    ...toTimeRange(query),
    metadata: label(query.metadata),
  };
}

function statusRange(status: string | undefined): Range | undefined {
  if (status === undefined) return undefined;
  const [min, max] = [Number(status.replace('xx', '00')), Number(status.replace('xx', '99'))];
  return { min, max };
}

function label(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  const colon = text.indexOf(':');
  return { [text.slice(0, colon)]: text.slice(colon + 1) };
}
