import { Get, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { LimitUsage } from '../../../rate-limit';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { isShared, LIMIT_KINDS, LimitUses, type LimitedSubject, type LimitKind } from '../data/limit-uses';
import { showCount, showMs } from '../render/format';
import { Pages, viewerIn } from '../render/pages';
import { pageOf, textOf, type Query } from './fields';

const HOME = '/admin/limits';
const TITLES: Readonly<Record<LimitKind, string>> = {
  team: 'Teams',
  user: 'Users',
  key: 'Keys',
  department: 'Departments',
  organization: 'Organization',
  model: 'Models',
};
const METERS = ['Requests a minute', 'Tokens a minute', 'At the same time'];
const LIVE_SECONDS = 5;

@ConsoleController('limits')
export class LimitsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly uses: LimitUses,
  ) {}

  @Get()
  @Permit('limits.read')
  async list(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const { scope } = viewerIn(response);
    const kinds = LIMIT_KINDS.filter((kind) => !isShared(kind) || scope.kind === 'all');
    const offered = scope.kind === 'user' ? kinds.filter((kind) => kind !== 'team') : kinds;
    const wanted = textOf(query, 'of');
    const kind = offered.find((each) => each === wanted) ?? offered[0] ?? 'key';
    const page = await this.uses.page(kind, scope, pageOf(query));
    const cursor = textOf(query, 'cursor');
    this.pages.show(response, 'limits', {
      title: 'Limits',
      kinds: offered.map((each) => ({ label: TITLES[each], href: `${HOME}?of=${each}`, isCurrent: each === kind })),
      meterTitles: METERS,
      subject: TITLES[kind].replace(/s$/, ''),
      rows: page.items.map((item) => rowOf(kind, item)),
      isDegraded: page.items.some(({ usage }) => usage.degraded),
      refreshHref: `${HOME}?${new URLSearchParams({ of: kind, live: '1', ...(cursor ? { cursor } : {}) }).toString()}`,
      liveSeconds: LIVE_SECONDS,
      nextHref: page.nextCursor === null ? null : `${HOME}?of=${kind}&cursor=${page.nextCursor}`,
      firstHref: cursor === undefined ? null : `${HOME}?of=${kind}`,
    });
  }
}

function rowOf(kind: LimitKind, { id, name, usage }: LimitedSubject) {
  const { requests, tokens, concurrency } = usage;
  const longest = Math.max(requests.resetMs, tokens.resetMs);
  return {
    name,
    href: kind === 'key' ? `/admin/keys/${id}` : null,
    meters: [requests, tokens, concurrency].map((limit, index) => ({ title: METERS[index], ...meterOf(limit) })),
    isLimited: [requests, tokens, concurrency].some(({ limit }) => limit !== null),
    empties: longest === 0 ? null : showMs(longest),
  };
}

/** How full a window is, and how much is left of it. */
function meterOf({ limit, used }: LimitUsage['concurrency']) {
  if (limit === null) return { isLimited: false };
  const share = limit === 0 ? 1 : Math.min(1, used / limit);
  return {
    isLimited: true,
    text: `${showCount(used)} of ${showCount(limit)}`,
    left: `${showCount(Math.max(0, limit - used))} left`,
    width: `${Math.round(share * 1000) / 10}%`,
    tone: toneOf(share),
  };
}

function toneOf(share: number): string {
  if (share >= 1) return 'bad';
  return share >= 0.8 ? 'warn' : 'good';
}
