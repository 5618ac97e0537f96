import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Get, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { UsageQueries, type UsageGroup, type UsageQuery } from '../../../billing';
import { Clock } from '../../../platform/clock';
import { toUsageCsv, toUsageQuery, UsageQueryDto } from '../../dtos/usage.dto';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import type { Scope } from '../auth/permissions';
import { Directory } from '../data/directory';
import { showDay } from '../render/format';
import { Pages, viewerIn } from '../render/pages';
import { checked, compactOf, listOf, problemOf, textOf, type Query } from './fields';

const DIMENSIONS = {
  day: 'Day',
  department: 'Department',
  team: 'Team',
  user: 'User',
  key: 'Key',
  model: 'Model',
  provider: 'Provider',
} as const;
const DEFAULT_GROUP = ['team', 'model'];
/** More than a person reads; the CSV has all of them. */
const MAX_SHOWN = 500;
const DAY_MS = 24 * 60 * 60_000;

@ConsoleController('usage')
export class UsagePageController {
  constructor(
    private readonly pages: Pages,
    private readonly usage: UsageQueries,
    private readonly directory: Directory,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Permit('usage.read')
  async pivot(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const { scope } = viewerIn(response);
    const chosen = chosenDimensions(query);
    const nowMs = this.clock.now();
    const from = textOf(query, 'from') ?? showDay(new Date(nowMs - 29 * DAY_MS));
    const to = textOf(query, 'to') ?? showDay(new Date(nowMs));
    const common = {
      title: 'Usage',
      from,
      to,
      dimensions: Object.entries(DIMENSIONS).map(([name, label]) => ({ name, label, isChosen: chosen.includes(name) })),
      csvHref: `/admin/usage/export.csv?${new URLSearchParams({ from, to, group_by: chosen.join(',') }).toString()}`,
    };
    try {
      const wanted = scopedQuery(await this.queryOf(from, to, chosen), scope);
      const groups = (await this.usage.report(wanted)).filter((group) => isVisible(group, scope));
      this.pages.show(response, 'usage', { ...common, ...(await this.tableOf(groups, wanted.groupBy)) });
    } catch (error) {
      this.pages.show(response, 'usage', { ...common, problem: problemOf(error), rows: [] }, 400);
    }
  }

  /** The same table, however long. */
  @Get('export.csv')
  @Permit('usage.read')
  async export(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const { scope } = viewerIn(response);
    const today = showDay(new Date(this.clock.now()));
    const range = [textOf(query, 'from') ?? today, textOf(query, 'to') ?? today] as const;
    const wanted = scopedQuery(await this.queryOf(...range, chosenDimensions(query)), scope);
    const visible = async function* (groups: AsyncIterable<UsageGroup>): AsyncGenerator<UsageGroup> {
      for await (const group of groups) if (isVisible(group, scope)) yield group;
    };
    response.setHeader('content-type', 'text/csv; charset=utf-8');
    response.setHeader('content-disposition', `attachment; filename="usage-${range.join('-to-')}.csv"`);
    await pipeline(Readable.from(toUsageCsv(visible(this.usage.stream(wanted)), wanted.groupBy)), response);
  }

  /** Both days are meant whole. */
  private async queryOf(from: string, to: string, groupBy: readonly string[]): Promise<UsageQuery> {
    const isDay = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text);
    const until = isDay(to) && !Number.isNaN(Date.parse(to)) ? new Date(Date.parse(to) + DAY_MS).toISOString() : to;
    const values = { from: isDay(from) ? `${from}T00:00:00Z` : from, to: until, group_by: groupBy.join(',') };
    return toUsageQuery(await checked(UsageQueryDto, compactOf(values)), this.clock.now());
  }

  private async tableOf(groups: readonly UsageGroup[], groupBy: readonly string[]) {
    const shown = [...groups].sort(byCost).slice(0, MAX_SHOWN);
    const nameOf = await this.directory.names(shown.flatMap(({ dimensions }) => Object.values(dimensions)));
    const cell = (name: string, value: string | null): string =>
      name === 'day' && value !== null ? value.slice(0, 10) : nameOf(value);
    const most = shown[0]?.costNanoUsd ?? 0n;
    return {
      columns: groupBy.map((name) => DIMENSIONS[name as keyof typeof DIMENSIONS] ?? name),
      rows: shown.map((group) => ({
        ...figuresOf(group),
        cells: groupBy.map((name) => cell(name, group.dimensions[name] ?? null)),
        width: most === 0n ? '0%' : `${Number((group.costNanoUsd * 1000n) / most) / 10}%`,
      })),
      sum: figuresOf(groups.reduce(add, EMPTY)),
      hidden: groups.length - shown.length,
    };
  }
}

function chosenDimensions(query: Query): string[] {
  const named = listOf(query, 'group_by').flatMap((text) => text.split(','));
  const known = [...new Set(named)].filter((name) => Object.hasOwn(DIMENSIONS, name));
  return known.length === 0 ? DEFAULT_GROUP : known.slice(0, 4);
}

/** Adds the dimension by which rows of others are told apart, when the person does not see all. */
function scopedQuery(query: UsageQuery, scope: Scope): UsageQuery {
  if (scope.kind === 'all') return query;
  const own = scope.kind === 'teams' ? 'team' : 'user';
  return query.groupBy.includes(own) ? query : { ...query, groupBy: [...query.groupBy, own] };
}

function isVisible({ dimensions }: UsageGroup, scope: Scope): boolean {
  if (scope.kind === 'all') return true;
  if (scope.kind === 'user') return dimensions['user'] === scope.userId;
  return scope.teamIds.includes(dimensions['team'] ?? '');
}

const byCost = (left: UsageGroup, right: UsageGroup): number => {
  if (left.costNanoUsd === right.costNanoUsd) return right.requests - left.requests;
  return left.costNanoUsd > right.costNanoUsd ? -1 : 1;
};

type Sum = Pick<UsageGroup, 'requests' | 'errors' | 'inputTokens' | 'outputTokens' | 'costNanoUsd' | 'savedNanoUsd'>;

const EMPTY: Sum = { requests: 0, errors: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0n, savedNanoUsd: 0n };

const add = (left: Sum, right: Sum): Sum => ({
  requests: left.requests + right.requests,
  errors: left.errors + right.errors,
  inputTokens: left.inputTokens + right.inputTokens,
  outputTokens: left.outputTokens + right.outputTokens,
  costNanoUsd: left.costNanoUsd + right.costNanoUsd,
  savedNanoUsd: left.savedNanoUsd + right.savedNanoUsd,
});

const figuresOf = (sum: Sum) => ({
  requests: sum.requests,
  errors: sum.errors,
  inputTokens: sum.inputTokens,
  outputTokens: sum.outputTokens,
  cost: sum.costNanoUsd,
  saved: sum.savedNanoUsd,
});
