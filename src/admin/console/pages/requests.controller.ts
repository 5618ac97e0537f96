import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Get, Param, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { RequestQueries, RequestSearch, type RequestFilter, type UsageRequest } from '../../../billing';
import { NotFoundError } from '../../../core/errors';
import { toRequestCsv } from '../../dtos/request-csv';
import { ContentReading } from '../../management/content-reading';
import { RequestQueryDto, toRequestFilter } from '../../dtos/request-query.dto';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { isWithin, type Scope } from '../../../core/scope';
import { Directory, type Named } from '../data/directory';
import { Pages, viewerIn } from '../render/pages';
import { checked, compactOf, pageOf, problemOf, textOf, type Query } from './fields';
import { traceOf } from './request-trace';

/** Filters that the form shows; others of the management API work in the URL as well. */
const SHOWN = ['team', 'model', 'provider', 'status', 'key_name', 'cache', 'fallback', 'error_code'] as const;
/** Of the page, not of the filter. */
const NOT_FILTERS = new Set(['live', 'cursor']);
/** What a query finds that may find nothing. */
async function* noRows(): AsyncGenerator<UsageRequest> {}
const LIVE_SECONDS = 1;
const NOTHING = { items: [], nextCursor: null, searchedTo: null } as const;

@ConsoleController('requests')
export class RequestsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly requests: RequestQueries,
    private readonly searching: RequestSearch,
    private readonly directory: Directory,
    private readonly content: ContentReading,
  ) {}

  @Get()
  @Permit('usage.read')
  async list(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const { scope } = viewerIn(response);
    const teams = await this.directory.teams(scope);
    const values = filterValues(query, scope, teams);
    const isTailing = query['tail'] !== undefined && query['cursor'] === undefined;
    const common = {
      title: 'Requests',
      values,
      teams: teams.map((team) => ({ ...team, isChosen: team.id === values['team'] })),
      showsTeams: scope.kind !== 'user',
      needsTeam: scope.kind === 'teams',
      csvHref: `/admin/requests/export.csv?${new URLSearchParams(values).toString()}`,
      isFiltered: SHOWN.some((name) => values[name] !== undefined && !(name === 'team' && scope.kind === 'teams')),
      live: { isOn: isTailing, seconds: LIVE_SECONDS, toggleHref: hrefOf(values, isTailing ? {} : { tail: '1' }) },
    };
    try {
      const filter = narrowed(toRequestFilter(await checked(RequestQueryDto, values)), scope, teams);
      const page = filter ? await this.searching.search(filter, pageOf(query)) : NOTHING;
      const nameOf = await this.directory.names(page.items.map(({ teamId }) => teamId));
      this.pages.show(response, 'requests', {
        ...common,
        rows: page.items.map((row) => rowOf(row, nameOf)),
        searchedTo: page.searchedTo,
        nextHref: page.nextCursor === null ? null : hrefOf(values, { cursor: page.nextCursor }),
        firstHref: query['cursor'] === undefined ? null : hrefOf(values, {}),
        refreshHref: hrefOf(values, { tail: '1', live: '1' }),
      });
    } catch (error) {
      this.pages.show(response, 'requests', { ...common, problem: problemOf(error), rows: [] }, 400);
    }
  }

  /** All that fit the filter, however many. */
  @Get('export.csv')
  @Permit('usage.read')
  async export(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const { scope } = viewerIn(response);
    const teams = await this.directory.teams(scope);
    const values = filterValues(query, scope, teams);
    const filter = narrowed(toRequestFilter(await checked(RequestQueryDto, values)), scope, teams);
    const rows = filter ? this.searching.stream(filter) : noRows();
    response.setHeader('content-type', 'text/csv; charset=utf-8');
    response.setHeader('content-disposition', 'attachment; filename="requests.csv"');
    await pipeline(Readable.from(toRequestCsv(rows)), response);
  }

  @Get(':id')
  @Permit('usage.read')
  async detail(@Param('id') id: string, @Parameters() query: Query, @Res() response: Response): Promise<void> {
    const { scope } = viewerIn(response);
    const found = await this.requests.find(id);
    // One answer for what does not exist and for what is somebody else's.
    if (!found || !isWithin(scope, found.request)) {
      // A script that waits for a record has made no mistake.
      if (query['live'] !== undefined) {
        response.status(204).end();
        return;
      }
      throw new NotFoundError(
        'There is no such request among those you may see. A new one appears a moment after its end.',
      );
    }
    const { request, attempts } = found;
    const nameOf = await this.directory.names([request.teamId, request.userId, request.departmentId]);
    this.pages.show(response, 'request', {
      title: 'Request',
      ...rowOf(request, nameOf),
      request,
      hasContent: await this.content.has(id),
      user: nameOf(request.userId),
      department: nameOf(request.departmentId),
      metadata: Object.entries(request.metadata ?? {}).map(([name, value]) => ({ name, value })),
      ...traceOf(request, attempts),
    });
  }
}

function filterValues(query: Query, scope: Scope, teams: readonly Named[]): Record<string, string> {
  const given = Object.keys(query).filter((name) => !NOT_FILTERS.has(name) && name !== 'tail');
  const values = compactOf(Object.fromEntries(given.map((name) => [name, textOf(query, name)]))) as Record<
    string,
    string
  >;
  const [first] = teams;
  if (scope.kind === 'teams' && values['team'] === undefined && first) values['team'] = first.id;
  return values;
}

/** The filter within what the person may see; null when that is nothing. */
function narrowed(filter: RequestFilter, scope: Scope, teams: readonly Named[]): RequestFilter | null {
  if (scope.kind === 'all') return filter;
  if (scope.kind === 'user') return { ...filter, userId: scope.userId };
  return teams.some(({ id }) => id === filter.teamId) ? filter : null;
}

function hrefOf(values: Readonly<Record<string, string>>, more: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams({ ...values, ...more }).toString();
  return text === '' ? '/admin/requests' : `/admin/requests?${text}`;
}

const rowOf = (row: UsageRequest, nameOf: (id: string | null) => string) => ({
  id: row.id,
  href: `/admin/requests/${row.id}`,
  startedAt: row.startedAt,
  keyName: row.keyName,
  team: nameOf(row.teamId),
  asked: row.requestedModel ?? '–',
  answered: row.provider === null ? null : `${row.provider}/${row.model ?? ''}`,
  status: row.status,
  isAnswered: row.status < 400,
  errorCode: row.errorCode,
  tone: toneOf(row),
  tokens: row.inputTokens + row.outputTokens,
  cost: row.costNanoUsd,
  latencyMs: row.latencyMs,
  fallback: row.fallback,
  attempts: row.attempts,
  stream: row.stream,
  cache: row.cacheStatus.endsWith('hit') ? row.cacheStatus : null,
});

function toneOf({ status, errorCode }: UsageRequest): string {
  if (status >= 500) return 'bad';
  return status >= 400 || errorCode !== null ? 'warn' : 'good';
}
