import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Repository, type EntityManager } from 'typeorm';
import type { Limits } from '../core/context';
import { NotFoundError } from '../core/errors';
import { newId } from '../core/ids';
import type { Page, PageRequest } from '../core/page';
import { Clock } from '../platform/clock';
import { User, UserTeam, type UserRole } from './entities/user.entity';
import { fetchPage } from './pages';
import { hashPassword, verifyPassword } from './password';
import { conflict, explaining, invalid } from './persistence-errors';

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

  async create({ teamIds, email, ...fields }: UserFields): Promise<UserWithTeams> {
    const now = this.clock.now();
    const user = { ...fields, email: email.toLowerCase(), id: newId('user', now), createdAt: new Date(now) };
    await explaining(MEANINGS, () =>
      this.users.manager.transaction(async (manager) => {
        await manager.insert(User, user);
        await putIntoTeams(manager, user.id, teamIds);
      }),
    );
    return this.get(user.id);
  }

  async list(page: PageRequest, teamId?: string): Promise<Page<UserWithTeams>> {
    const query = this.users.createQueryBuilder('user').leftJoinAndSelect('user.memberships', 'membership');
    if (teamId !== undefined) {
      query.where('exists (select 1 from user_teams m where m.user_id = user.id and m.team_id = :teamId)', { teamId });
    }
    const { items, nextCursor } = await fetchPage(query, 'user', page);
    return { items: items.map(withTeams), nextCursor };
  }

  async get(id: string): Promise<UserWithTeams> {
    const user = await this.users.findOne({ where: { id }, relations: { memberships: true } });
    if (!user) throw new NotFoundError(`There is no user "${id}".`);
    return withTeams(user);
  }

  async update(id: string, { teamIds, disabled, email, ...fields }: UserChanges): Promise<UserWithTeams> {
    const columns: Partial<User> = { ...fields };
    if (email !== undefined) columns.email = email.toLowerCase();
    if (disabled !== undefined) columns.disabledAt = disabled ? new Date(this.clock.now()) : null;
    await this.get(id);
    await explaining(MEANINGS, () =>
      this.users.manager.transaction(async (manager) => {
        if (Object.keys(columns).length > 0) await manager.update(User, { id }, columns);
        if (teamIds === undefined) return;
        await manager.delete(UserTeam, { userId: id });
        await putIntoTeams(manager, id, teamIds);
      }),
    );
    return this.get(id);
  }

  /** The user's keys go with them. */
  async remove(id: string): Promise<void> {
    const { affected } = await this.users.delete({ id });
    if (affected === 0) throw new NotFoundError(`There is no user "${id}".`);
  }

  async setPassword(id: string, password: string): Promise<void> {
    const { affected } = await this.users.update({ id }, { passwordHash: await hashPassword(password) });
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
}

async function putIntoTeams(manager: EntityManager, userId: string, teamIds: readonly string[]): Promise<void> {
  const rows = [...new Set(teamIds)].map((teamId) => ({ userId, teamId }));
  if (rows.length > 0) await manager.insert(UserTeam, rows);
}

const withTeams = (user: User): UserWithTeams =>
  Object.assign(user, { teamIds: (user.memberships ?? []).map(({ teamId }) => teamId).sort() });
