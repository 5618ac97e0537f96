import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { InvalidRequestError } from '../core/errors';
import { EVERYBODY, type Scope } from '../core/scope';
import { Clock } from '../platform/clock';
import { asTooSlow, boundedQuery, limitStatement } from './bounded-query';
import { gatherUsage } from './usage-gathering';
import { usageSource, type Grain } from './usage-source';

const UTC_TIME = `'YYYY-MM-DD"T"HH24:MI:SS"Z"'`;

const DIMENSIONS = {
  day: `to_char(date_trunc('day', at at time zone 'utc'), ${UTC_TIME})`,
  hour: `to_char(date_trunc('hour', at at time zone 'utc'), ${UTC_TIME})`,
  team: 'team_id',
  user: 'user_id',
  department: 'department_id',
  model: 'model',
  provider: 'provider',
  key: 'key_id',
} as const;

const METADATA = /^metadata\.([\w.-]{1,64})$/;
const MAX_DIMENSIONS = 6;
/** More than a person reads or a page shows. A CSV has no bound: it is streamed. */
const MAX_GROUPS = 10_000;
const FETCH_ROWS = 1_000;
/** Of a stream: short enough for those who share the database. */
const STREAM_STATEMENT_MS = 1_000;

export interface UsageQuery {
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  /** `day`, `hour`, `team`, `user`, `department`, `model`, `provider`, `key` or `metadata.<name>`. */
  readonly groupBy: readonly string[];
  /** Absent: everybody's. */
  readonly scope?: Scope | undefined;
}

/** One group. */
export interface UsageGroup {
  /** By the name in `groupBy`; null: the requests have none (a refused request has no provider). */
  readonly dimensions: Readonly<Record<string, string | null>>;
  readonly requests: number;
  readonly errors: number;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly costNanoUsd: bigint;
  readonly savedNanoUsd: bigint;
}

type RawGroup = Record<string, string | null>;

/** Sums over requests, read from roll-ups as far as the question allows; the answer is the same. */
@Injectable()
export class UsageQueries {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Throws `InvalidRequestError` for an unknown dimension, too many groups, or a query that takes too long. */
  async report(query: UsageQuery): Promise<UsageGroup[]> {
    const { sql, parameters } = statement(query);
    const rows = await boundedQuery(this.database, (manager) =>
      manager.query<RawGroup[]>(`${sql} limit ${MAX_GROUPS + 1}`, parameters),
    );
    if (rows.length > MAX_GROUPS) {
      throw new InvalidRequestError(
        `The report has more than ${MAX_GROUPS} rows. Group by less, narrow "from" and "to", or ask for text/csv.`,
        'group_by',
      );
    }
    return rows.map((row) => groupOf(row, query.groupBy));
  }

  /** The same, however long: summed slice by slice beside the way, then read a thousand groups at a time. */
  async *stream(query: UsageQuery, statementMs = STREAM_STATEMENT_MS): AsyncGenerator<UsageGroup> {
    const { sql, parameters } = statement(query);
    const runner = this.database.createQueryRunner();
    await runner.connect();
    try {
      await runner.startTransaction();
      await runner.query(`create temporary table usage_report on commit drop as ${sql} with no data`, parameters);
      await gatherUsage(runner, this.clock, {
        ...query,
        table: 'usage_report',
        coarsest: coarsestFor(query.groupBy),
        limitMs: statementMs,
        statementOf: (from, to) => statement({ ...query, from, to }),
      });
      await runner.query(limitStatement);
      await runner.query(
        `declare usage_groups no scroll cursor for ${sumsBy(columnsOf(query.groupBy), 'usage_report')}`,
      );
      for (let isLast = false; !isLast;) {
        const rows = (await runner.query(`fetch ${FETCH_ROWS} from usage_groups`)) as RawGroup[];
        for (const row of rows) yield groupOf(row, query.groupBy);
        isLast = rows.length < FETCH_ROWS;
      }
    } catch (error) {
      throw asTooSlow(error);
    } finally {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      await runner.release();
    }
  }
}

function statement({ from, to, groupBy, scope = EVERYBODY }: UsageQuery): { sql: string; parameters: unknown[] } {
  if (groupBy.length > MAX_DIMENSIONS)
    throw new InvalidRequestError(`Group by at most ${MAX_DIMENSIONS} dimensions.`, 'group_by');
  const parameters: unknown[] = [];
  const source = usageSource(from, to, coarsestFor(groupBy), parameters);
  const expressions = groupBy.map((name) => expressionOf(name, parameters));
  return { sql: sumsBy(expressions, `${source} ${whereOf(scope, parameters)}`), parameters };
}

function sumsBy(expressions: readonly string[], source: string): string {
  const dimensions = expressions.map((expression, index) => `${expression} as d${index}`);
  const positions = expressions.map((_, index) => index + 1).join(', ');
  return `select ${[...dimensions, ...SUMS].join(', ')} from ${source}
    ${positions === '' ? '' : `group by ${positions} order by ${positions}`}`;
}

const columnsOf = (groupBy: readonly string[]): string[] => groupBy.map((_, index) => `d${index}`);

function whereOf(scope: Scope, parameters: unknown[]): string {
  if (scope.kind === 'all') return '';
  parameters.push(scope.kind === 'teams' ? scope.teamIds : scope.userId);
  const placeholder = `$${parameters.length}`;
  return scope.kind === 'teams' ? `where team_id = any(${placeholder})` : `where user_id = ${placeholder}`;
}

function coarsestFor(groupBy: readonly string[]): Grain {
  if (groupBy.some((name) => METADATA.test(name))) return 'row';
  return groupBy.includes('hour') ? 'hour' : 'day';
}

const SUMS = [
  'requests',
  'errors',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'saved_nano_usd',
].map((name) => `coalesce(sum(${name}), 0) as ${name}`);

function expressionOf(name: string, parameters: unknown[]): string {
  if (Object.hasOwn(DIMENSIONS, name)) return DIMENSIONS[name as keyof typeof DIMENSIONS];
  const label = METADATA.exec(name)?.[1];
  if (label === undefined) {
    const known = [...Object.keys(DIMENSIONS), 'metadata.<name>'].join(', ');
    throw new InvalidRequestError(`"${name}" is nothing to group by. Use ${known}, separated by commas.`, 'group_by');
  }
  parameters.push(label);
  return `metadata ->> $${parameters.length}::text`;
}

function groupOf(row: RawGroup, groupBy: readonly string[]): UsageGroup {
  const count = (column: string): number => Number(row[column] ?? 0);
  return {
    dimensions: Object.fromEntries(groupBy.map((name, index) => [name, row[`d${index}`] ?? null])),
    requests: count('requests'),
    errors: count('errors'),
    inputTokens: count('input_tokens'),
    cacheReadTokens: count('cache_read_tokens'),
    cacheWriteTokens: count('cache_write_tokens'),
    outputTokens: count('output_tokens'),
    reasoningTokens: count('reasoning_tokens'),
    costNanoUsd: BigInt(row['cost_nano_usd'] ?? 0),
    savedNanoUsd: BigInt(row['saved_nano_usd'] ?? 0),
  };
}
