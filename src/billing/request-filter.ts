import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { InvalidRequestError } from '../core/errors';
import { EVERYBODY, type Scope } from '../core/scope';
import { UsageRequest } from './entities/usage-request.entity';
import { timeOfRequestId } from './id-time';

/** Columns that a filter compares for equality. */
export const EQUAL_FILTERS = {
  keyId: 'key_id',
  keyName: 'key_name',
  userId: 'user_id',
  teamId: 'team_id',
  departmentId: 'department_id',
  endpoint: 'endpoint',
  dialect: 'dialect',
  requestedModel: 'requested_model',
  provider: 'provider',
  model: 'model',
  servedModel: 'served_model',
  stream: 'stream',
  errorCode: 'error_code',
  cacheStatus: 'cache_status',
  attempts: 'attempts',
  fallback: 'fallback',
  usageSource: 'usage_source',
  priceVersion: 'price_version',
  configVersion: 'config_version',
} as const;

/** Columns with bounds. */
const RANGE_FILTERS = {
  status: 'status',
  costNanoUsd: 'cost_nano_usd',
  savedNanoUsd: 'saved_nano_usd',
  inputTokens: 'input_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWrite5mTokens: 'cache_write_5m_tokens',
  cacheWrite1hTokens: 'cache_write_1h_tokens',
  inputAudioTokens: 'input_audio_tokens',
  outputTokens: 'output_tokens',
  reasoningTokens: 'reasoning_tokens',
  outputAudioTokens: 'output_audio_tokens',
  webSearches: 'web_searches',
  latencyMs: 'latency_ms',
  ttfbMs: 'ttfb_ms',
  overheadMs: 'overhead_ms',
} as const;

export interface Range {
  readonly min?: number | bigint | undefined;
  readonly max?: number | bigint | undefined;
}

export type RequestFilter = {
  readonly [Field in keyof typeof EQUAL_FILTERS]?: string | number | boolean | undefined;
} & {
  readonly [Field in keyof typeof RANGE_FILTERS]?: Range | undefined;
} & {
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
  /** Labels that the request must carry. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Absent: everybody's. */
  readonly scope?: Scope | undefined;
};

interface Rows {
  readonly count: number;
  /** Only what comes after this request. */
  readonly cursor: string | null;
}

/** Newest first. */
export function newestFirst(
  manager: EntityManager,
  filter: RequestFilter,
  { count, cursor }: Rows,
): Promise<UsageRequest[]> {
  const query = manager.createQueryBuilder(UsageRequest, 'r');
  applyFilter(query, filter);
  if (cursor !== null) {
    query.andWhere('(r.started_at, r.id) < (:cursorAt, :cursorId)', {
      cursorAt: cursorTime(cursor),
      cursorId: cursor,
    });
  }
  return query.orderBy('r.startedAt', 'DESC').addOrderBy('r.id', 'DESC').limit(count).getMany();
}

export function cursorTime(cursor: string): Date {
  const time = timeOfRequestId(cursor);
  if (time === null)
    throw new InvalidRequestError(
      'The cursor is not one of ours. Pass "next_cursor" of the page before, unchanged.',
      'cursor',
    );
  return new Date(time);
}

function applyScope(query: SelectQueryBuilder<UsageRequest>, scope: Scope): void {
  if (scope.kind === 'teams') query.andWhere('r.team_id = any(:seen)', { seen: scope.teamIds });
  if (scope.kind === 'user') query.andWhere('r.user_id = :own', { own: scope.userId });
}

function applyFilter(query: SelectQueryBuilder<UsageRequest>, filter: RequestFilter): void {
  for (const [field, column] of Object.entries(EQUAL_FILTERS) as [keyof typeof EQUAL_FILTERS, string][]) {
    if (filter[field] !== undefined) query.andWhere(`r.${column} = :${field}`, { [field]: filter[field] });
  }
  for (const [field, column] of Object.entries(RANGE_FILTERS) as [keyof typeof RANGE_FILTERS, string][]) {
    const { min, max } = filter[field] ?? {};
    if (min !== undefined) query.andWhere(`r.${column} >= :${field}Min`, { [`${field}Min`]: min.toString() });
    if (max !== undefined) query.andWhere(`r.${column} <= :${field}Max`, { [`${field}Max`]: max.toString() });
  }
  applyScope(query, filter.scope ?? EVERYBODY);
  if (filter.from) query.andWhere('r.started_at >= :from', { from: filter.from });
  if (filter.to) query.andWhere('r.started_at < :to', { to: filter.to });
  if (filter.metadata) query.andWhere('r.metadata @> :metadata::jsonb', { metadata: JSON.stringify(filter.metadata) });
}
