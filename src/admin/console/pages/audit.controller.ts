import { Get, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { AuditEntry } from '../../audit/audit-chain';
import { AuditQueries } from '../../audit/audit-queries';
import { AuditQueryDto, toAuditFilter } from '../../dtos/audit.dto';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { showCount } from '../render/format';
import { Pages } from '../render/pages';
import { checked, compactOf, pageOf, problemOf, textOf, wholeDays, type Query } from './fields';

const HOME = '/admin/audit';
const FILTERS = ['actor', 'action', 'target', 'target_type', 'from', 'to'] as const;
const KINDS = [
  'department',
  'team',
  'user',
  'key',
  'budget',
  'webhook',
  'price',
  'cache',
  'provider',
  'config',
  'session',
];
/** Of one field, in characters; the management API has all of it. */
const MAX_SHOWN = 500;

@ConsoleController('audit')
export class AuditPageController {
  constructor(
    private readonly pages: Pages,
    private readonly audit: AuditQueries,
  ) {}

  @Get()
  @Permit('audit.read')
  async list(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    const values = compactOf(Object.fromEntries(FILTERS.map((name) => [name, textOf(query, name)]))) as Record<
      string,
      string
    >;
    const common = {
      title: 'Audit',
      values,
      kinds: KINDS.map((kind) => ({ kind, isChosen: kind === values['target_type'] })),
      isFiltered: Object.keys(values).length > 0,
    };
    try {
      const filter = toAuditFilter(await checked(AuditQueryDto, { ...values, ...wholeDays(values) }));
      const page = await this.audit.list(filter, pageOf(query));
      const hrefOf = (more: Record<string, string>): string =>
        `${HOME}?${new URLSearchParams({ ...values, ...more }).toString()}`;
      this.pages.show(response, 'audit', {
        ...common,
        rows: page.items.map(rowOf),
        nextHref: page.nextCursor === null ? null : hrefOf({ cursor: page.nextCursor }),
        firstHref: query['cursor'] === undefined ? null : hrefOf({}),
      });
    } catch (error) {
      this.pages.show(response, 'audit', { ...common, problem: problemOf(error), rows: [] }, 400);
    }
  }
}

const rowOf = (entry: AuditEntry) => ({
  sequence: entry.sequence,
  at: entry.at,
  actor: entry.actorLabel,
  actorKind: entry.actorKind.replace('_', ' '),
  address: entry.address,
  action: entry.action,
  target: entry.targetLabel ?? entry.targetId ?? '–',
  targetType: entry.targetType,
  changes: changesOf(entry.before, entry.after),
});

interface Change {
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/** What is different, field by field. */
function changesOf(before: unknown, after: unknown): Change[] {
  const [old, now] = [before, after].map((value) => (typeof value === 'object' && value !== null ? value : {})) as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .map((field) => ({ field, before: textFor(old[field]), after: textFor(now[field]) }))
    .filter((change) => change.before !== change.after);
}

const textFor = (value: unknown): string => {
  if (value === undefined || value === null) return '–';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}… (${showCount(text.length)} characters)`;
};
