import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { InvalidRequestError } from '../../core/errors';
import { toPage, type Page, type PageRequest } from '../../core/page';
import type { AuditEntry } from './audit-chain';
import { AUDIT_COLUMNS, entryOf, type AuditRow } from './audit-rows';

export interface AuditFilter {
  readonly actorId?: string | undefined;
  readonly action?: string | undefined;
  readonly targetId?: string | undefined;
  readonly targetType?: string | undefined;
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

const COLUMNS = {
  actorId: 'actor_id =',
  action: 'action =',
  targetId: 'target_id =',
  targetType: 'target_type =',
  from: 'at >=',
  to: 'at <',
} as const satisfies Record<keyof AuditFilter, string>;

/** What was changed, newest first. */
@Injectable()
export class AuditQueries {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async list(filter: AuditFilter, { limit, cursor }: PageRequest): Promise<Page<AuditEntry>> {
    const conditions = ['true'];
    const parameters: unknown[] = [];
    const add = (condition: string, value: unknown): void => {
      parameters.push(value);
      conditions.push(`${condition} $${parameters.length}`);
    };
    for (const [field, condition] of Object.entries(COLUMNS) as [keyof AuditFilter, string][]) {
      if (filter[field] !== undefined) add(condition, filter[field]);
    }
    if (cursor !== null) add('sequence <', sequenceOf(cursor));
    const rows = await this.database.query<AuditRow[]>(
      `select ${AUDIT_COLUMNS} from audit_log where ${conditions.join(' and ')}
       order by sequence desc limit ${limit + 1}`,
      parameters,
    );
    return toPage(rows.map(entryOf), limit, ({ sequence }) => String(sequence));
  }
}

function sequenceOf(cursor: string): number {
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw new InvalidRequestError('cursor is not one that this list gave out: pass next_cursor as it came.', 'cursor');
}
