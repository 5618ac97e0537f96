import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { usageSource, type Grain } from '../../../billing';
import type { Scope } from '../../../core/scope';
import type { Period } from './period';
import { sampleOf } from './usage-sample';

/** A page that takes longer than this holds others up. */
const TIMEOUT_MS = 5_000;

/** The model of a request that was refused before any was chosen. */
export const NO_MODEL = 'refused before routing';

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

/** A period from every side; groups that cost most come first. */
export interface Summary {
  readonly totals: Figures;
  readonly owners: readonly Group[];
  readonly models: readonly Group[];
  readonly series: readonly Bucket[];
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
    return figuresOf(row);
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

  /**
   * The sums of a period, of each owner and of each model, and of each bucket where buckets are whole days: all from one
   * reading, which is what takes the time.
   */
  async summary(scope: Scope, period: Period, by: GroupColumn, bucketMs: number): Promise<Summary> {
    const isByDay = bucketMs % DAY_MS === 0;
    const { from, parameters } = source(scope, period, 'day');
    const sets = ['()', '(owner)', '(model)', ...(isByDay ? ['(bucket)'] : [])].join(', ');
    const series = isByDay ? null : this.series(scope, period, bucketMs);
    const reading = this.read(
      `select owner, model${isByDay ? ', bucket' : ''}, case when grouping(owner) = 0 then 'owner'
         when grouping(model) = 0 then 'model' ${isByDay ? "when grouping(bucket) = 0 then 'bucket'" : ''} else 'all' end as kind, ${ALL}
       from (select *, ${GROUP_COLUMNS[by]} as owner${isByDay ? `, ${bucketOf(bucketMs)} as bucket` : ''} from ${from}) as kinds
       group by grouping sets (${sets})`,
      parameters,
    );
    const [rows, buckets] = await Promise.all([reading, series]);
    const of = (kind: string): Row[] => rows.filter((row) => row['kind'] === kind);
    const groups = (kind: 'owner' | 'model'): Group[] =>
      of(kind)
        .map((row) => ({ name: row[kind] ?? null, ...sumsOf(row) }))
        .sort(dearestFirst);
    return {
      totals: figuresOf(of('all')[0] ?? {}),
      owners: groups('owner'),
      models: groups('model'),
      series: buckets ?? filled(of('bucket'), period, bucketMs),
    };
  }

  /** One bucket after the other, empty ones too. `from` must lie on a multiple of the bucket. */
  private async series(scope: Scope, period: Period, bucketMs: number): Promise<Bucket[]> {
    const { from, parameters } = source(scope, period, grainOf(bucketMs));
    const rows = await this.read(`select ${bucketOf(bucketMs)} as bucket, ${SUMS} from ${from} group by 1`, parameters);
    return filled(rows, period, bucketMs);
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

const bucketOf = (bucketMs: number): string => `floor(extract(epoch from at) / ${bucketMs / 1000})`;

function filled(rows: readonly Row[], period: Period, bucketMs: number): Bucket[] {
  const known = new Map(rows.map((row) => [Number(row['bucket']), sumsOf(row)]));
  const buckets: Bucket[] = [];
  for (let at = period.from.getTime(); at < period.to.getTime(); at += bucketMs) {
    buckets.push({ at: new Date(at), ...(known.get(Math.floor(at / bucketMs)) ?? sumsOf({})) });
  }
  return buckets;
}

/** Where nothing costs anything, those that ask most. */
function dearestFirst(left: Group, right: Group): number {
  if (left.costNanoUsd === right.costNanoUsd) return right.requests - left.requests;
  return left.costNanoUsd > right.costNanoUsd ? -1 : 1;
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

const figuresOf = (row: Row): Figures => ({
  ...sumsOf(row),
  fallbacks: Number(row['fallbacks'] ?? 0),
  cacheHits: Number(row['cache_hits'] ?? 0),
  savedNanoUsd: BigInt(row['saved_nano_usd'] ?? 0),
});

const nullable = (value: string | null | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);
