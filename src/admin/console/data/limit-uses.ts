import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { In, IsNull, LessThan, type DataSource, type FindOptionsWhere } from 'typeorm';
import { ApiKey, Department, Team, User } from '../../../access';
import type { Limits } from '../../../core/context';
import { toPage, type Page, type PageRequest } from '../../../core/page';
import type { Scope } from '../../../core/scope';
import { LiveConfig } from '../../../platform/config/live-config';
import { LimitUsageService, ORGANIZATION_ID, RateLimitConfig, type LimitUsage } from '../../../rate-limit';
import { Subjects } from './subjects';

export const LIMIT_KINDS = ['team', 'user', 'key', 'department', 'organization', 'model'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

/** What everybody uses: shown to those who see everybody. */
const SHARED = ['department', 'organization', 'model'] as const satisfies readonly LimitKind[];

export interface LimitedSubject {
  readonly id: string;
  readonly name: string;
  readonly usage: LimitUsage;
}

interface Limited {
  readonly id: string;
  readonly name: string;
  readonly limits: Limits | null;
}

const ENTITIES = { team: Team, user: User, key: ApiKey, department: Department } as const;

export const isShared = (kind: LimitKind): boolean => SHARED.some((each) => each === kind);

/** The use of every window of those that a person may see. Reading counts as nothing. */
@Injectable()
export class LimitUses {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly usage: LimitUsageService,
    private readonly subjects: Subjects,
    private readonly config: LiveConfig,
  ) {}

  /** The newest first; models by name. What is shared, for those who see everybody only. */
  async page(kind: LimitKind, scope: Scope, request: PageRequest): Promise<Page<LimitedSubject>> {
    if (isShared(kind) && scope.kind !== 'all') return { items: [], nextCursor: null };
    if (kind === 'model') return { items: await this.models(), nextCursor: null };
    if (kind === 'organization') return { items: [await this.organization()], nextCursor: null };
    const { items, nextCursor } = await this.limited(kind, scope, request);
    const found = items.map(async ({ id, name, limits }) => ({
      id,
      name,
      usage: await this.usage.ofCaller(kind, id, limits),
    }));
    return { items: await Promise.all(found), nextCursor };
  }

  private async organization(): Promise<LimitedSubject> {
    return { id: ORGANIZATION_ID, name: 'All callers together', usage: await this.usage.ofOrganization() };
  }

  private async models(): Promise<LimitedSubject[]> {
    const names = Object.keys(this.config.section(RateLimitConfig).models);
    const found = await Promise.all(
      names.map(async (name) => ({ id: name, name, usage: await this.usage.ofModel(name) })),
    );
    return found.filter((each): each is LimitedSubject => each.usage !== null);
  }

  private async limited(
    kind: keyof typeof ENTITIES,
    scope: Scope,
    { limit, cursor }: PageRequest,
  ): Promise<Page<Limited>> {
    const ids = await this.subjects.idsOf(scope);
    const mine = ids === null ? null : [...ids].filter((id) => id.startsWith(`${kind}_`));
    const allowed = mine?.filter((id) => cursor === null || id < cursor);
    const id = allowed === undefined ? (cursor === null ? undefined : LessThan(cursor)) : In(allowed);
    const where: FindOptionsWhere<Limited & { revokedAt: Date | null }> = {
      ...(id === undefined ? {} : { id }),
      ...(kind === 'key' ? { revokedAt: IsNull() } : {}),
    };
    const rows = await this.database.getRepository<Limited>(ENTITIES[kind]).find({
      where: where as FindOptionsWhere<Limited>,
      order: { id: 'DESC' },
      take: limit + 1,
    });
    return toPage(rows, limit, (row) => row.id);
  }
}
