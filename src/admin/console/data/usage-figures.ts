import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { Scope } from '../auth/permissions';
import type { Period } from './period';
import { sampleOf } from './usage-sample';

/** A page that takes longer than this holds others up. */
const TIMEOUT_MS = 5_000;

/** What happened in a period, for one group or for all. */
export interface Figures {
  readonly requests: number;
  readonly errors: number;
  readonly fallbacks: number;
  readonly cacheHits: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanoUsd: bigint;
  readonly savedNanoUsd: bigint;
}

/** How long requests took; of many, a sample tells. */
export interface Times {
  readonly latencyP50Ms: number | null;
  readonly latencyP95Ms: number | null;
  readonly firstByteP50Ms: number | null;
}

export interface Bucket extends Pick<Figures, 'requests' | 'errors' | 'inputTokens' | 'outputTokens' | 'costNanoUsd'> {
  readonly at: Date;
}

export interface Group extends Pick<Figures, 'requests' | 'errors' | 'inputTokens' | 'outputTokens' | 'costNanoUsd'> {
  readonly name: string | null;
}

export interface ProviderCalls {
  readonly name: string;
  readonly calls: number;
  readonly failures: number;
}

const GROUP_COLUMNS = {
  team: 'team_id',
  model: 'model',
  provider: 'provider',
  key: 'key_name',
  user: 'user_id',
} as const;
export type GroupColumn = keyof typeof GROUP_COLUMNS;

type Row = Record<string, string | null>;

const SUMS = `count(*) as requests,
  count(*) filter (where status >= 400 or error_code is not null) as errors,
  coalesce(sum(input_tokens), 0) as input_tokens,
  coalesce(sum(output_tokens), 0) as output_tokens,
  coalesce(sum(cost_nano_usd), 0) as cost_nano_usd`;

const ALL = `${SUMS},
  count(*) filter (where fallback) as fallbacks,
  count(*) filter (where cache_status in ('hit', 'semantic-hit')) as cache_hits,
  coalesce(sum(saved_nano_usd), 0) as saved_nano_usd`;

const TIMES = `percentile_cont(0.5) within group (order by latency_ms) as p50,
  percentile_cont(0.95) within group (order by latency_ms) as p95,
  percentile_cont(0.5) within group (order by ttfb_ms) as ttfb`;

/** The figures of the overview, over requests that a person may see. */
@Injectable()
export class UsageFigures {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async totals(scope: Scope, period: Period): Promise<Figures> {
    const { where, parameters } = condition(scope, period);
    const [row = {}] = await this.read(`select ${ALL} from usage_requests where ${where}`, parameters);
    return {
      ...sumsOf(row),
      fallbacks: Number(row['fallbacks'] ?? 0),
      cacheHits: Number(row['cache_hits'] ?? 0),
      savedNanoUsd: BigInt(row['saved_nano_usd'] ?? 0),
    };
  }

  /** `requests`: about how many there are in the period. */
  async times(scope: Scope, period: Period, requests: number): Promise<Times> {
    const { from, parameters } = sampleOf('usage_requests', scope, period, requests);
    const [row = {}] = await this.read(`select ${TIMES} from ${from}`, parameters);
    return {
      latencyP50Ms: nullable(row['p50']),
      latencyP95Ms: nullable(row['p95']),
      firstByteP50Ms: nullable(row['ttfb']),
    };
  }

  /** One bucket after the other, empty ones too. `from` must lie on a multiple of the bucket. */
  async series(scope: Scope, period: Period, bucketMs: number): Promise<Bucket[]> {
    const { where, parameters } = condition(scope, period);
    const seconds = bucketMs / 1000;
    const rows = await this.read(
      `select floor(extract(epoch from started_at) / ${seconds}) as bucket, ${SUMS}
       from usage_requests where ${where} group by 1`,
      parameters,
    );
    const known = new Map(rows.map((row) => [Number(row['bucket']), sumsOf(row)]));
    const buckets: Bucket[] = [];
    for (let at = period.from.getTime(); at < period.to.getTime(); at += bucketMs) {
      buckets.push({ at: new Date(at), ...(known.get(Math.floor(at / bucketMs)) ?? sumsOf({})) });
    }
    return buckets;
  }

  /** The groups that cost most; where nothing costs anything, those that ask most. */
  async top(scope: Scope, period: Period, column: GroupColumn, limit: number): Promise<Group[]> {
    const { where, parameters } = condition(scope, period);
    const rows = await this.read(
      `select ${GROUP_COLUMNS[column]} as name, ${SUMS} from usage_requests where ${where}
       group by 1 order by cost_nano_usd desc, requests desc limit ${limit}`,
      parameters,
    );
    return rows.map((row) => ({ name: row['name'] ?? null, ...sumsOf(row) }));
  }

  /** Calls to each provider, of many about how many, whether or not they ended the request; a caller who hangs up is not its fault. */
  async providers(scope: Scope, period: Period, requests: number): Promise<ProviderCalls[]> {
    const { from, parameters, share } = sampleOf('usage_attempts', scope, period, requests);
    const estimated = (count: string | null | undefined): number => Math.round(Number(count) / share);
    const rows = await this.read(
      `select provider as name, count(*) as calls, count(*) filter (where status in ('failed', 'in_doubt')) as failures
       from ${from} group by 1`,
      parameters,
    );
    return rows.map(({ name, calls, failures }) => ({
      name: name ?? '',
      calls: estimated(calls),
      failures: estimated(failures),
    }));
  }

  private read(sql: string, parameters: unknown[]): Promise<Row[]> {
    return this.database.transaction(async (manager) => {
      await manager.query(`set local statement_timeout = ${TIMEOUT_MS}`);
      return manager.query<Row[]>(sql, parameters);
    });
  }
}

function condition(scope: Scope, { from, to }: Period): { where: string; parameters: unknown[] } {
  const base = 'started_at >= $1 and started_at < $2';
  if (scope.kind === 'all') return { where: base, parameters: [from, to] };
  if (scope.kind === 'user') return { where: `${base} and user_id = $3`, parameters: [from, to, scope.userId] };
  return { where: `${base} and team_id = any($3)`, parameters: [from, to, scope.teamIds] };
}

const sumsOf = (row: Row) => ({
  requests: Number(row['requests'] ?? 0),
  errors: Number(row['errors'] ?? 0),
  inputTokens: Number(row['input_tokens'] ?? 0),
  outputTokens: Number(row['output_tokens'] ?? 0),
  costNanoUsd: BigInt(row['cost_nano_usd'] ?? 0),
});

const nullable = (value: string | null | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);
