import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Get, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { UsageQueries, type UsageGroup, type UsageQuery } from '../../../billing';
import { Clock } from '../../../platform/clock';
import { toUsageCsv, toUsageQuery, UsageQueryDto } from '../../dtos/usage.dto';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { Directory } from '../data/directory';
import { NO_MODEL } from '../data/usage-figures';
import { changeOf, showDay } from '../render/format';
import { Pages, viewerIn } from '../render/pages';
import { checked, compactOf, listOf, problemOf, textOf, wholeDays, type Query } from './fields';

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
      const wanted = { ...(await this.queryOf(from, to, chosen)), scope };
      const comparable = { ...wanted, ...before(wanted, nowMs) };
      // Days are not the same days: what they hold is compared day by day with nothing.
      const isComparable = !wanted.groupBy.includes('day');
      const [groups, earlier] = await Promise.all([
        this.usage.report(wanted),
        isComparable ? this.usage.report(comparable) : [],
      ]);
      // Without anything before, all of it is new, and says nothing.
      const table = await this.tableOf(groups, wanted.groupBy, earlier.length > 0 ? earlier : null);
      this.pages.show(response, 'usage', { ...common, ...table });
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
    const wanted = { ...(await this.queryOf(...range, chosenDimensions(query))), scope };
    response.setHeader('content-type', 'text/csv; charset=utf-8');
    response.setHeader('content-disposition', `attachment; filename="usage-${range.join('-to-')}.csv"`);
    await pipeline(Readable.from(toUsageCsv(this.usage.stream(wanted), wanted.groupBy)), response);
  }

  /** Both days are meant whole. */
  private async queryOf(from: string, to: string, groupBy: readonly string[]): Promise<UsageQuery> {
    const values = { ...wholeDays({ from, to }), group_by: groupBy.join(',') };
    return toUsageQuery(await checked(UsageQueryDto, compactOf(values)), this.clock.now());
  }

  private async tableOf(
    groups: readonly UsageGroup[],
    groupBy: readonly string[],
    earlier: readonly UsageGroup[] | null,
  ) {
    const costBefore = new Map(earlier?.map((group) => [nameOfGroup(group), group.costNanoUsd]));
    const shown = [...groups].sort(byCost).slice(0, MAX_SHOWN);
    const nameOf = await this.directory.names(shown.flatMap(({ dimensions }) => Object.values(dimensions)));
    const cell = (name: string, value: string | null): string => {
      if (name === 'model' && value === null) return NO_MODEL;
      return name === 'day' && value !== null ? value.slice(0, 10) : nameOf(value);
    };
    const sum = groups.reduce(add, EMPTY);
    const most = shown[0]?.costNanoUsd ?? 0n;
    return {
      columns: groupBy.map(labelOf),
      rows: shown.map((group) => ({
        ...figuresOf(group),
        change: earlier && costChange(group.costNanoUsd, costBefore.get(nameOfGroup(group)) ?? 0n),
        cells: groupBy.map((name) => ({ label: labelOf(name), value: cell(name, group.dimensions[name] ?? null) })),
        width: most === 0n ? '0%' : `${Number((group.costNanoUsd * 1000n) / most) / 10}%`,
      })),
      sum: figuresOf(sum),
      sumChange: earlier && costChange(sum.costNanoUsd, earlier.reduce(add, EMPTY).costNanoUsd),
      isCompared: earlier !== null,
      hidden: groups.length - shown.length,
    };
  }
}

const labelOf = (name: string): string => DIMENSIONS[name as keyof typeof DIMENSIONS] ?? name;

function chosenDimensions(query: Query): string[] {
  const named = listOf(query, 'group_by').flatMap((text) => text.split(','));
  const known = [...new Set(named)].filter((name) => Object.hasOwn(DIMENSIONS, name));
  return known.length === 0 ? DEFAULT_GROUP : known.slice(0, 4);
}

/** The time of the same length before; of a day that is not over, up to the same point. */
function before({ from, to }: UsageQuery, nowMs: number): Pick<UsageQuery, 'from' | 'to'> {
  const lengthMs = to.getTime() - from.getTime();
  const endMs = Math.max(from.getTime() + 1, Math.min(to.getTime(), nowMs));
  return { from: new Date(from.getTime() - lengthMs), to: new Date(endMs - lengthMs) };
}

const nameOfGroup = ({ dimensions }: UsageGroup): string => JSON.stringify(dimensions);

/** Null: there was nothing before. */
function costChange(now: bigint, earlier: bigint): string | null {
  const change = changeOf(Number(now), Number(earlier));
  if (!change) return null;
  return change.direction === 'flat' ? '±0%' : `${change.direction === 'up' ? '+' : '−'}${change.text}`;
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
