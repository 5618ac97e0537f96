import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Repository, type EntityManager } from 'typeorm';
import type { Limits } from '../core/context';
import { NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import type { Page, PageRequest } from '../core/page';
import { EVERYBODY, type Scope } from '../core/scope';
import { Clock } from '../platform/clock';
import { User, UserTeam, type UserRole } from './entities/user.entity';
import { fetchPage } from './pages';
import { hashPassword, verifyPassword } from './password';
import { conflict, explaining, invalid } from './persistence-errors';
import type { Reading } from './reading';

export interface UserFields {
  readonly email: string;
  readonly name: string;
  readonly role: UserRole;
  readonly teamIds: readonly string[];
  readonly limits: Limits | null;
  readonly allowedModels: string[] | null;
}

export interface UserChanges extends Partial<UserFields> {
  readonly disabled?: boolean;
}

/** A user with the teams they are in. */
export interface UserWithTeams extends User {
  readonly teamIds: string[];
}

export interface UserFilter {
  readonly teamId?: string | undefined;
  /** Absent: everybody. */
  readonly scope?: Scope | undefined;
}

const MEANINGS = {
  uq_users_email: conflict('A user with this email exists already.', 'email'),
  fk_user_teams_team_id: invalid('There is no such team.', 'team_ids'),
};

/** The people who use the gateway. */
@Injectable()
export class UsersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly clock: Clock,
  ) {}

  async create({ teamIds, email, ...fields }: UserFields, within = this.manager): Promise<UserWithTeams> {
    const now = this.clock.now();
    const user = { ...fields, email: email.toLowerCase(), id: newId('user', now), createdAt: new Date(now) };
    await explaining(MEANINGS, () =>
      within.transaction(async (manager) => {
        await manager.insert(User, user);
        await putIntoTeams(manager, user.id, teamIds);
      }),
    );
    return this.get(user.id, { manager: within });
  }

  async list(page: PageRequest, { teamId, scope = EVERYBODY }: UserFilter = {}): Promise<Page<UserWithTeams>> {
    const query = this.users
      .createQueryBuilder('user')
      .leftJoinAndSelect('user.memberships', 'membership')
      .where('true');
    if (teamId !== undefined) query.andWhere(isInTeam('wanted'), { wanted: [teamId] });
    if (scope.kind === 'teams') query.andWhere(isInTeam('seen'), { seen: scope.teamIds });
    if (scope.kind === 'user') query.andWhere('user.id = :userId', { userId: scope.userId });
    const { items, nextCursor } = await fetchPage(query, 'user', page);
    return { items: items.map(withTeams), nextCursor };
  }

  async get(id: string, { manager = this.manager, scope = EVERYBODY }: Reading = {}): Promise<UserWithTeams> {
    const found = await manager.findOne(User, { where: { id }, relations: { memberships: true } });
    const user = found && withTeams(found);
    if (!user || !isSeen(user, scope)) throw new NotFoundError(`There is no user "${id}".`);
    return user;
  }

  async update(id: string, changes: UserChanges, within = this.manager): Promise<UserWithTeams> {
    const { teamIds, disabled, email, ...fields } = changes;
    const columns: Partial<User> = { ...fields };
    if (email !== undefined) columns.email = email.toLowerCase();
    if (disabled !== undefined) columns.disabledAt = disabled ? new Date(this.clock.now()) : null;
    await this.get(id, { manager: within });
    await explaining(MEANINGS, () =>
      within.transaction(async (manager) => {
        if (Object.keys(columns).length > 0) await manager.update(User, { id }, columns);
        if (teamIds === undefined) return;
        await manager.delete(UserTeam, { userId: id });
        await putIntoTeams(manager, id, teamIds);
      }),
    );
    return this.get(id, { manager: within });
  }

  /** The user's keys go with them. */
  async remove(id: string, manager = this.manager): Promise<void> {
    const { affected } = await manager.delete(User, { id });
    if (affected === 0) throw new NotFoundError(`There is no user "${id}".`);
  }

  async setPassword(id: string, password: string, manager = this.manager): Promise<void> {
    const { affected } = await manager.update(User, { id }, { passwordHash: await hashPassword(password) });
    if (affected === 0) throw new NotFoundError(`There is no user "${id}".`);
  }

  /** The user who may sign in with these, or null; it takes as long for a user who does not exist. */
  async signIn(email: string, password: string): Promise<UserWithTeams | null> {
    const user = await this.users.findOne({
      where: { email: email.toLowerCase(), disabledAt: IsNull() },
      select: { id: true, passwordHash: true },
    });
    const isRight = await verifyPassword(password, user?.passwordHash ?? null);
    return user && isRight ? this.get(user.id) : null;
  }

  /** The user with this address, also one that is disabled; null when there is none. */
  async findByEmail(email: string, manager = this.manager): Promise<UserWithTeams | null> {
    const user = await manager.findOne(User, {
      where: { email: email.toLowerCase() },
      relations: { memberships: true },
    });
    return user && withTeams(user);
  }

  private get manager(): EntityManager {
    return this.users.manager;
  }
}

const isInTeam = (parameter: string): string =>
  `exists (select 1 from user_teams m where m.user_id = user.id and m.team_id = any(:${parameter}))`;

function isSeen({ id, teamIds }: UserWithTeams, scope: Scope): boolean {
  if (scope.kind === 'all') return true;
  return scope.kind === 'user' ? scope.userId === id : teamIds.some((teamId) => scope.teamIds.includes(teamId));
}

async function putIntoTeams(manager: EntityManager, userId: string, teamIds: readonly string[]): Promise<void> {
  const rows = [...new Set(teamIds)].map((teamId) => ({ userId, teamId }));
  if (rows.length > 0) await manager.insert(UserTeam, rows);
}

const withTeams = (user: User): UserWithTeams =>
  Object.assign(user, { teamIds: (user.memberships ?? []).map(({ teamId }) => teamId).sort() });
