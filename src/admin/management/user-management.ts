import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { UsersService, type UserChanges, type UserFields, type UserFilter, type UserWithTeams } from '../../access';
import { ConflictError, PermissionDeniedError } from '../../core/errors';
import type { Page, PageRequest } from '../../core/page';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';
import { Reaches } from '../authority/reaches';
import { fromUser } from '../dtos/user.dto';
import { deedsOf } from './deeds-of';

const deedOf = deedsOf<UserWithTeams>(({ email }) => email, fromUser);

/** People, by people: an administrator manages everybody, a team lead the members of their teams. */
@Injectable()
export class UserManagement {
  constructor(
    private readonly users: UsersService,
    private readonly reaches: Reaches,
    private readonly audit: AuditLog,
  ) {}

  async list(caller: Caller, page: PageRequest, filter: Omit<UserFilter, 'scope'>): Promise<Page<UserWithTeams>> {
    const { items, nextCursor } = await this.users.list(page, { ...filter, scope: caller.scope });
    return { items: items.map((user) => asSeen(caller, user)), nextCursor };
  }

  async get(caller: Caller, id: string): Promise<UserWithTeams> {
    return asSeen(caller, await this.users.get(id, { scope: caller.scope }));
  }

  create(caller: Caller, fields: UserFields): Promise<UserWithTeams> {
    requireRole(caller, fields.role);
    if (caller.role !== 'admin' && fields.teamIds.length === 0) {
      throw new PermissionDeniedError('team_ids must name a team of yours.', 'permission_denied', 'team_ids');
    }
    return this.audit.change(actorOf(caller), async (manager) => {
      await this.reaches.requirePerson(caller, fields, manager);
      const user = await this.users.create(fields, manager);
      return { result: user, deed: deedOf('user.create', null, user) };
    });
  }

  /** Throws `ConflictError` for what would leave the caller without an account or role. */
  update(caller: Caller, id: string, changes: UserChanges): Promise<UserWithTeams> {
    if (id === caller.userId && (changes.disabled === true || changes.role !== undefined)) {
      throw new ConflictError('Nobody disables themselves or changes their own role: ask another administrator.');
    }
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.users.get(id, { scope: caller.scope, manager });
      const wanted = caller.role === 'admin' ? changes : await this.asLead(caller, before, changes, manager);
      const after = await this.users.update(id, wanted, manager);
      if (changes.disabled === true) await endSessions(manager, id);
      return { result: asSeen(caller, after), deed: deedOf('user.update', before, after) };
    });
  }

  remove(caller: Caller, id: string): Promise<void> {
    if (id === caller.userId) throw new ConflictError('Nobody deletes themselves: ask another administrator.');
    return this.audit.change(actorOf(caller), async (manager) => {
      const before = await this.users.get(id, { scope: caller.scope, manager });
      await this.users.remove(id, manager);
      await endSessions(manager, id);
      return { result: undefined, deed: deedOf('user.delete', before, null) };
    });
  }

  /** Ends every session: whoever knew the old password is out. */
  setPassword(caller: Caller, id: string, password: string): Promise<void> {
    return this.audit.change(actorOf(caller), async (manager) => {
      const user = await this.users.get(id, { scope: caller.scope, manager });
      await this.users.setPassword(id, password, manager);
      await endSessions(manager, id);
      return { result: undefined, deed: { ...deedOf('user.password', null, user), after: { password } } };
    });
  }

  /** Of the caller themselves. Ends every session, the one that asks too. */
  changeOwnPassword(caller: Caller & { readonly id: string }, password: string): Promise<void> {
    return this.setPassword({ ...caller, scope: { kind: 'user', userId: caller.id } }, caller.id, password);
  }

  /** What of the changes a team lead may ask for; of teams of others they know nothing and change nothing. */
  private async asLead(
    caller: Caller,
    before: UserWithTeams,
    changes: UserChanges,
    manager: EntityManager,
  ): Promise<UserChanges> {
    requireRole(caller, before.role);
    requireRole(caller, changes.role ?? before.role);
    const seen = new Set(caller.scope.kind === 'teams' ? caller.scope.teamIds : []);
    const foreign = before.teamIds.filter((id) => !seen.has(id));
    const { teamIds, ...personal } = changes;
    if (changes.email !== undefined || (foreign.length > 0 && Object.keys(personal).length > 0)) {
      throw new PermissionDeniedError(
        'Of a person who is in teams of others too you can change team_ids only; of nobody the email address.',
      );
    }
    const wanted = teamIds ?? before.teamIds.filter((id) => seen.has(id));
    await this.reaches.requirePerson(caller, { ...before, ...changes, teamIds: wanted }, manager);
    return teamIds === undefined ? changes : { ...personal, teamIds: [...foreign, ...wanted] };
  }
}

function requireRole(caller: Caller, role: UserFields['role']): void {
  if (caller.role === 'admin' || role === 'member') return;
  throw new PermissionDeniedError('You can manage members only: ask an administrator.', 'permission_denied', 'role');
}

/** Without the teams that are none of the caller's business. */
function asSeen({ scope }: Caller, user: UserWithTeams): UserWithTeams {
  if (scope.kind !== 'teams') return user;
  return { ...user, teamIds: user.teamIds.filter((id) => scope.teamIds.includes(id)) };
}

const endSessions = (manager: EntityManager, userId: string): Promise<unknown> =>
  manager.query('delete from console_sessions where user_id = $1', [userId]);
