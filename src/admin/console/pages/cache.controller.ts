import { Body, Get, Injectable, Param, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { InvalidRequestError } from '../../../core/errors';
import { Clock } from '../../../platform/clock';
import {
  CacheAdministration,
  CacheOverviews,
  type CacheEntryView,
  type CacheOverview,
  type QuestionLink,
} from '../../../semantic-cache';
import { CacheRemovalQueryDto, fromCacheOverview } from '../../dtos/cache.dto';
import { Operations } from '../../management/operations';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { Directory } from '../data/directory';
import { periodsOf, RANGES } from '../data/ranges';
import { UsageFigures } from '../data/usage-figures';
import { showMs, showShare } from '../render/format';
import { Pages, viewerIn } from '../render/pages';
import { checked, pageOf, problemOf, textOf, type Query } from './fields';

const HOME = '/admin/cache';
const RANGE = '7d';
const ENTRY_ID = /^[0-9a-f]{64}$/;

const TIERS = {
  exact: 'The same text',
  canonical: 'The same but for its surface',
  coalesced: 'One that was being answered at the time',
  alias: 'One that was judged to be the same',
  semantic: 'Another question with the same matter',
} as const;

/** What the page reads. */
@Injectable()
export class CacheSources {
  constructor(
    readonly cache: CacheAdministration,
    readonly overviews: CacheOverviews,
    readonly figures: UsageFigures,
    readonly directory: Directory,
  ) {}
}

@ConsoleController('cache')
export class CachePageController {
  constructor(
    private readonly pages: Pages,
    private readonly sources: CacheSources,
    private readonly operations: Operations,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Permit('cache.read')
  async overview(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    await this.show(response, query);
  }

  /** Removes the entries of a model, of a scope, or of a model within a scope. */
  @Post('purge')
  @Permit('cache.write')
  async purge(@Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const { model, scope } = await checked(CacheRemovalQueryDto, {
        model: textOf(form, 'model'),
        scope: textOf(form, 'scope'),
      });
      if (model === undefined && scope === undefined)
        throw new InvalidRequestError('Name a model or a scope.', 'model');
      const removed = await this.operations.removeCacheEntries(viewerIn(response), { requestedModel: model, scope });
      await this.show(response, {}, { notice: `${removed} ${removed === 1 ? 'entry' : 'entries'} removed.` });
    } catch (error) {
      await this.show(response, {}, { values: form, problem: problemOf(error) }, 400);
    }
  }

  /** Forgets everything at once. */
  @Post('flush')
  @Permit('cache.write')
  async flush(@Res() response: Response): Promise<void> {
    await this.operations.flushCache(viewerIn(response));
    await this.show(response, {}, { notice: 'The cache is empty.' });
  }

  @Post('entries/:id/remove')
  @Permit('cache.write')
  async remove(@Param('id') id: string, @Res() response: Response): Promise<void> {
    const isRemoved = ENTRY_ID.test(id) && (await this.operations.removeCacheEntry(viewerIn(response), id));
    await this.show(response, {}, { notice: isRemoved ? 'The entry is removed.' : 'There is no such entry any more.' });
  }

  @Post('aliases/:id/remove')
  @Permit('cache.write')
  async removeAlias(@Param('id') id: string, @Res() response: Response): Promise<void> {
    const isRemoved = ENTRY_ID.test(id) && (await this.operations.removeCacheAlias(viewerIn(response), id));
    const notice = isRemoved ? 'The question gets answers of its own again.' : 'They are kept apart already.';
    await this.show(response, {}, { notice });
  }

  private async show(response: Response, query: Query, more: object = {}, status = 200): Promise<void> {
    const { scope, role } = viewerIn(response);
    const nowMs = this.clock.now();
    const { now, before } = periodsOf(RANGE, nowMs);
    const [overview, links, entries, week, earlier] = await Promise.all([
      this.sources.overviews.overview(),
      this.sources.cache.links(pageOf({})),
      this.sources.cache.entries(pageOf(query)),
      this.sources.figures.totals(scope, now),
      this.sources.figures.totals(scope, before),
    ]);
    const nameOf = await this.sources.directory.names(entries.items.map((entry) => ownerOf(entry)));
    this.pages.show(
      response,
      'cache',
      {
        title: 'Cache',
        config: overview.config,
        rangeLabel: RANGES[RANGE].label,
        week: { ...week, rate: showShare(week.cacheHits, week.requests) },
        earlier: { ...earlier, rate: showShare(earlier.cacheHits, earlier.requests) },
        counter: overview.isShared ? 'all replicas' : 'this replica',
        since: new Date(overview.sinceMs),
        tiers: tiersOf(overview),
        size: overview.size,
        ...judgementOf(overview),
        aliases: links.items.map((link) => aliasRow(link, nowMs)),
        entries: entries.items.map((entry) => entryRow(entry, nameOf, nowMs)),
        nextHref:
          entries.nextCursor === null ? null : `${HOME}?cursor=${encodeURIComponent(entries.nextCursor)}#entries`,
        firstHref: query['cursor'] === undefined ? null : `${HOME}#entries`,
        mayWrite: mayDo(role, 'cache.write'),
        ...more,
      },
      status,
    );
  }
}

function tiersOf({ counts }: CacheOverview) {
  const rows = [
    ...Object.entries(TIERS).map(([tier, label]) => ({ label, count: counts.hits[tier as keyof typeof TIERS] })),
    { label: 'Not there: a provider answered', count: counts.misses },
    { label: 'Past its time: every provider failed', count: counts.stale },
    { label: 'Not asked', count: counts.bypasses },
  ];
  const most = Math.max(1, ...rows.map(({ count }) => count));
  return rows.map((row) => ({ ...row, width: `${Math.round((row.count / most) * 1000) / 10}%` }));
}

/** What callers said of the answers they were given. */
function judgementOf(overview: CacheOverview) {
  const { precision } = fromCacheOverview(overview);
  const { right, wrong, share, interval } = precision;
  const percent = (value: number): string => `${(value * 100).toFixed(1)}%`;
  return {
    right,
    wrong,
    precision: share === null ? null : percent(share),
    interval: interval === null ? null : `${percent(interval[0])} to ${percent(interval[1])}`,
  };
}

const ownerOf = ({ scope }: CacheEntryView): string | null => scope.split(':')[1] ?? null;

const aliasRow = (link: QuestionLink, nowMs: number) => ({
  id: link.id,
  hint: link.id.slice(0, 12),
  entry: link.entryId.slice(0, 12),
  asked: link.requestedModel,
  similarity: link.similarity.toFixed(3),
  judge: link.judge,
  requestHref: `/admin/requests/${link.requestId}`,
  judgeHref: `/admin/requests/${link.judgeRequestId}`,
  endsIn: showMs(Math.max(0, link.expiresAtMs - nowMs)),
});

const entryRow = (entry: CacheEntryView, nameOf: (id: string | null) => string, nowMs: number) => ({
  id: entry.id,
  hint: entry.id.slice(0, 12),
  owner: entry.scope === 'organization' ? 'Everybody' : nameOf(ownerOf(entry)),
  kind: entry.scope.split(':')[0],
  asked: entry.requestedModel,
  answered: `${entry.provider}/${entry.model}`,
  cost: entry.costNanoUsd,
  bytes: entry.bytes,
  createdAt: new Date(entry.createdAtMs),
  endsIn: showMs(Math.max(0, entry.expiresAtMs - nowMs)),
});
