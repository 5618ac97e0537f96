import { Get, Injectable, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Clock } from '../../../platform/clock';
import { ProviderOverviews } from '../../../providers';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import type { Scope } from '../../../core/scope';
import { Directory } from '../data/directory';
import type { Period } from '../data/period';
import { chosenRange, RANGES, type Chosen, type RangeName } from '../data/ranges';
import { VisibleBudgets } from '../data/visible-budgets';
import {
  NO_MODEL,
  UsageFigures,
  type Bucket,
  type Group,
  type ProviderCalls,
  type Summary,
} from '../data/usage-figures';
import { showDay } from '../render/format';
import { Pages, viewerIn } from '../render/pages';
import { cardsOf } from './overview.cards';
import { problemOf, textOf, type Query } from './fields';

const TOP = 6;
const TOP_BUDGETS = 5;
const NO_RANGE = { range: undefined, from: undefined, to: undefined } as const;

/** What the overview is made of. */
@Injectable()
export class OverviewSources {
  constructor(
    readonly figures: UsageFigures,
    readonly directory: Directory,
    readonly overviews: ProviderOverviews,
    readonly budgets: VisibleBudgets,
  ) {}
}

@ConsoleController()
export class OverviewController {
  constructor(
    private readonly pages: Pages,
    private readonly sources: OverviewSources,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Permit('usage.read')
  async overview(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const nowMs = this.clock.now();
    const wanted = { range: textOf(query, 'range'), from: textOf(query, 'from'), to: textOf(query, 'to') };
    try {
      await this.show(response, chosenRange(wanted, nowMs), nowMs);
    } catch (error) {
      const problem = problemOf(error);
      await this.show(response, chosenRange({ ...NO_RANGE }, nowMs), nowMs, { problem, ...wanted, isOwnDays: true });
    }
  }

  private async show(response: Response, chosen: Chosen, nowMs: number, refused?: object): Promise<void> {
    const { scope, role } = viewerIn(response);
    const { range, now, before } = chosen;
    const owner = scope.kind === 'user' ? 'key' : 'team';
    const [{ totals, series: all, ...tops }, earlier, budgets] = await Promise.all([
      this.sources.figures.summary(scope, now, owner, chosen.bucketMs),
      this.sources.figures.totals(scope, before),
      mayDo(role, 'budgets.read') ? this.sources.budgets.rows(scope) : [],
    ]);
    // A day that is not over has no zeroes yet.
    const series = all.filter(({ at }) => at.getTime() <= nowMs);
    const [shown, times, earlierTimes, providers] = await Promise.all([
      this.tops(owner, tops),
      this.sources.figures.times(scope, now, totals.requests),
      this.sources.figures.times(scope, before, earlier.requests),
      mayDo(role, 'routing.read') ? this.providerRows(scope, now, totals.requests) : undefined,
    ]);
    const model = {
      title: 'Overview',
      refreshQuery: new URLSearchParams({ ...chosen.query, live: '1' }).toString(),
      ranges: rangeLinks(range),
      isOwnDays: range === null,
      from: showDay(now.from),
      to: showDay(new Date(now.to.getTime() - 1)),
      rangeLabel: chosen.label,
      updatedAt: new Date(nowMs),
      cards: cardsOf({ ...totals, ...times }, { ...earlier, ...earlierTimes }, series),
      isEmpty: totals.requests === 0 && earlier.requests === 0 && range !== null,
      rows: series.map(rowOf),
      ...shown,
      budgets: budgets.slice(0, TOP_BUDGETS),
      moreBudgets: Math.max(0, budgets.length - TOP_BUDGETS),
      providers,
      isOwn: scope.kind === 'user',
    };
    this.pages.show(response, 'overview', { ...model, ...refused }, refused ? 400 : 200);
  }

  private async tops(column: 'team' | 'key', tops: Pick<Summary, 'owners' | 'models'>) {
    const [owners, models] = [tops.owners.slice(0, TOP), tops.models.slice(0, TOP)];
    const nameOf = await this.sources.directory.names(column === 'team' ? owners.map(({ name }) => name) : []);
    return {
      ownerTitle: column === 'team' ? 'Top teams' : 'Top keys',
      owners: barsOf(owners).map((bar) => ({
        ...bar,
        label: column === 'team' ? nameOf(bar.name) : (bar.name ?? '–'),
        href: `/admin/requests?${column === 'team' ? 'team' : 'key_name'}=${encodeURIComponent(bar.name ?? '')}`,
      })),
      models: barsOf(models).map((bar) => ({
        ...bar,
        label: bar.name ?? NO_MODEL,
        href: bar.name === null ? null : `/admin/requests?model=${encodeURIComponent(bar.name)}`,
      })),
    };
  }

  /** What the traffic of the period says about each provider, and how it is now; of one that is gone, that it is. */
  private async providerRows(scope: Scope, period: Period, requests: number) {
    const calls = new Map(
      (await this.sources.figures.providers(scope, period, requests)).map((each) => [each.name, each]),
    );
    const configured = this.sources.overviews.list().map(({ name, type, models }) => {
      const known = calls.get(name) ?? { calls: 0, failures: 0 };
      calls.delete(name);
      const open = models.filter(({ breaker }) => breaker === 'open').length;
      return { name, type, calls: known.calls, failures: known.failures, ...toneOf(known, open) };
    });
    const gone = [...calls.values()].map((each) => ({
      ...each,
      type: each.name,
      tone: 'quiet',
      state: 'Not configured',
    }));
    return [...configured, ...gone];
  }
}

/** A word and a colour: for what is left alone now, else for the share of calls that failed. */
function toneOf({ calls, failures }: Omit<ProviderCalls, 'name'>, open: number) {
  if (open > 0) return { tone: 'bad', state: `${open} model${open === 1 ? '' : 's'} left alone` };
  if (calls === 0) return { tone: 'quiet', state: 'No calls' };
  const share = failures / calls;
  if (share < 0.01) return { tone: 'good', state: 'Healthy' };
  return share < 0.1 ? { tone: 'warn', state: 'Some errors' } : { tone: 'bad', state: 'Failing' };
}

const rangeLinks = (current: RangeName | null) =>
  (Object.keys(RANGES) as RangeName[]).map((name) => ({
    name,
    label: RANGES[name].label,
    href: `/admin?range=${name}`,
    isCurrent: name === current,
  }));

/** The longest bar is 100 units. */
function barsOf(groups: readonly Group[]) {
  const most = groups.reduce((max, { costNanoUsd }) => (costNanoUsd > max ? costNanoUsd : max), 0n);
  return groups.map((group) => ({
    ...group,
    width: most === 0n ? 0 : Math.max(1, Number((group.costNanoUsd * 100n) / most)),
  }));
}

const rowOf = (bucket: Bucket) => ({
  at: bucket.at,
  epoch: bucket.at.getTime() / 1000,
  requests: bucket.requests,
  errors: bucket.errors,
  tokens: bucket.inputTokens + bucket.outputTokens,
  cost: bucket.costNanoUsd,
  costUsd: Number(bucket.costNanoUsd) / 1e9,
});
