import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { usageSource, type Grain } from '../../../billing';
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

const sumOf = (name: string): string => `coalesce(sum(${name}), 0) as ${name}`;
const SUMS = ['requests', 'errors', 'input_tokens', 'output_tokens', 'cost_nano_usd'].map(sumOf).join(', ');
const ALL = `${SUMS}, ${['fallbacks', 'cache_hits', 'saved_nano_usd'].map(sumOf).join(', ')}`;

const TIMES = `percentile_cont(0.5) within group (order by latency_ms) as p50,
  percentile_cont(0.95) within group (order by latency_ms) as p95,
  percentile_cont(0.5) within group (order by ttfb_ms) as ttfb`;

/** The figures of the overview, over requests that a person may see. */
@Injectable()
export class UsageFigures {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async totals(scope: Scope, period: Period): Promise<Figures> {
    const { from, parameters } = source(scope, period, 'day');
    const [row = {}] = await this.read(`select ${ALL} from ${from}`, parameters);
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
    const { from, parameters } = source(scope, period, grainOf(bucketMs));
    const seconds = bucketMs / 1000;
    const rows = await this.read(
      `select floor(extract(epoch from at) / ${seconds}) as bucket, ${SUMS} from ${from} group by 1`,
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
    const { from, parameters } = source(scope, period, 'day');
    const rows = await this.read(
      `select ${GROUP_COLUMNS[column]} as name, ${SUMS} from ${from}
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

const [HOUR_MS, DAY_MS] = [3_600_000, 86_400_000];

function grainOf(bucketMs: number): Grain {
  if (bucketMs % HOUR_MS !== 0) return 'row';
  return bucketMs % DAY_MS === 0 ? 'day' : 'hour';
}

/** Sums of what a person may see, from roll-ups as far as they go. */
function source(scope: Scope, { from, to }: Period, coarsest: Grain): { from: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const usage = usageSource(from, to, coarsest, parameters);
  if (scope.kind === 'all') return { from: usage, parameters };
  parameters.push(scope.kind === 'user' ? scope.userId : scope.teamIds);
  const condition = scope.kind === 'user' ? 'user_id =' : 'team_id = any';
  return { from: `${usage} where ${condition}($${parameters.length})`, parameters };
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
