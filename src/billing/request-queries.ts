import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager, SelectQueryBuilder } from 'typeorm';
import { InvalidRequestError } from '../core/errors';
import { toPage, type Page, type PageRequest } from '../core/page';
import { EVERYBODY, isWithin, type Scope } from '../core/scope';
import { boundedQuery } from './bounded-query';
import { UsageAttempt } from './entities/usage-attempt.entity';
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
  outputTokens: 'output_tokens',
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

export interface RequestDetail {
  readonly request: UsageRequest;
  readonly attempts: readonly UsageAttempt[];
}

/** Rows that a stream holds at a time. */
const STREAM_PAGE = 1_000;

/** No request runs longer than this, so its attempts begin within it. */
const LONGEST_REQUEST_MS = 24 * 60 * 60_000;

/** Single requests, as they were recorded; a request appears about a quarter of a second after its end. */
@Injectable()
export class RequestQueries {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Newest first. */
  async list(filter: RequestFilter, page: PageRequest): Promise<Page<UsageRequest>> {
    const rows = await boundedQuery(this.database, (manager) => newestFirst(manager, filter, page));
    return toPage(rows, page.limit, (row) => row.id);
  }

  /** All that fit, newest first, however many: a page at a time, so that nothing grows and nobody is held up. */
  async *stream(filter: RequestFilter): AsyncGenerator<UsageRequest> {
    for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
      const page: Page<UsageRequest> = await this.list(filter, { limit: STREAM_PAGE, cursor });
      yield* page.items;
      cursor = page.nextCursor;
    }
  }

  /** The request that began last of all; null before the first. */
  async newestId(): Promise<string | null> {
    const [row] = await this.database.query<{ id: string }[]>(
      'select id from usage_requests order by started_at desc, id desc limit 1',
    );
    return row?.id ?? null;
  }

  /** With its decision trace and its attempts in order; null when there is none within the scope. */
  async find(id: string, scope: Scope = EVERYBODY): Promise<RequestDetail | null> {
    const time = timeOfRequestId(id);
    if (time === null) return null;
    return boundedQuery(this.database, async (manager) => {
      const request = await manager
        .createQueryBuilder(UsageRequest, 'r')
        .addSelect('r.decisions')
        .where('r.id = :id and r.started_at = :at', { id, at: new Date(time) })
        .getOne();
      if (!request || !isWithin(scope, request)) return null;
      const attempts = await manager
        .createQueryBuilder(UsageAttempt, 'a')
        .where('a.request_id = :id and a.started_at >= :from and a.started_at < :to', {
          id,
          // The wall clock may be set back while a request runs.
          from: new Date(time - LONGEST_REQUEST_MS),
          to: new Date(time + LONGEST_REQUEST_MS),
        })
        .orderBy('a.index')
        .getMany();
      return { request, attempts };
    });
  }
}

/** One request more than the page holds, when there is one. */
export function newestFirst(manager: EntityManager, filter: RequestFilter, page: PageRequest): Promise<UsageRequest[]> {
  const query = manager.createQueryBuilder(UsageRequest, 'r');
  applyFilter(query, filter);
  if (page.cursor !== null) {
    query.andWhere('(r.started_at, r.id) < (:cursorAt, :cursorId)', {
      cursorAt: cursorTime(page.cursor),
      cursorId: page.cursor,
    });
  }
  return query
    .orderBy('r.startedAt', 'DESC')
    .addOrderBy('r.id', 'DESC')
    .limit(page.limit + 1)
    .getMany();
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
