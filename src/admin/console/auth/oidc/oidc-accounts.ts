import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { UsersService, type UserChanges, type UserRole, type UserWithTeams } from '../../../../access';
import { PermissionDeniedError } from '../../../../core/errors';
import { AuditLog, type Actor } from '../../../audit/audit-log';
import { fromUser } from '../../../dtos/user.dto';
import type { OidcPerson } from './person-of';

const NO_ACCOUNT = new PermissionDeniedError(
  'You have no account here. Ask an administrator to make one for your email address.',
  'no_account',
);

/** The accounts of people who sign in at the identity provider: found by who they are there, made and kept in step. */
@Injectable()
export class OidcAccounts {
  constructor(
    private readonly users: UsersService,
    private readonly audit: AuditLog,
  ) {}

  /** Throws `PermissionDeniedError` for who has no account and gets none, and for one that is disabled. */
  signIn(person: OidcPerson, newcomerRole: UserRole | undefined, address: string | null): Promise<string> {
    const actor: Actor = { kind: 'person', id: null, label: `${person.email} at ${person.issuer}`, address };
    return this.audit.change(actor, async (manager) => {
      const known = await this.find(manager, person);
      const role = person.role ?? newcomerRole;
      if (!known && role === undefined) throw NO_ACCOUNT;
      if (known && known.disabledAt !== null) throw NO_ACCOUNT;
      const before = known && fromUser(known);
      const user = known
        ? await this.update(manager, known, person)
        : await this.create(manager, person, role ?? 'member');
      await link(manager, person, user.id);
      const deed = {
        action: 'user.sign_in',
        targetId: user.id,
        targetLabel: user.email,
        before,
        after: fromUser(user),
      };
      return { result: user.id, deed };
    });
  }

  /** By who they are there; the email address decides only the first time. */
  private async find(manager: EntityManager, { issuer, subject, email }: OidcPerson): Promise<UserWithTeams | null> {
    const [linked] = await manager.query<{ user_id: string }[]>(
      'select user_id from user_identities where issuer = $1 and subject = $2',
      [issuer, subject],
    );
    if (linked) return this.users.get(linked.user_id, { manager });
    const user = await this.users.findByEmail(email, manager);
    if (!user) return null;
    const [other] = await manager.query<object[]>('select 1 from user_identities where issuer = $1 and user_id = $2', [
      issuer,
      user.id,
    ]);
    // The address went to somebody else there; the account stays with whom it belongs to.
    if (other) throw NO_ACCOUNT;
    return user;
  }

  private create(manager: EntityManager, person: OidcPerson, role: UserRole): Promise<UserWithTeams> {
    const { email, name, teamIds } = person;
    return this.users.create({ email, name, role, teamIds: teamIds ?? [], limits: null, allowedModels: null }, manager);
  }

  private update(manager: EntityManager, user: UserWithTeams, { role, teamIds }: OidcPerson): Promise<UserWithTeams> {
    const changes: UserChanges = {
      ...(role === null ? {} : { role }),
      ...(teamIds === null ? {} : { teamIds }),
    };
    return this.users.update(user.id, changes, manager);
  }
}

const link = (manager: EntityManager, { issuer, subject }: OidcPerson, userId: string): Promise<unknown> =>
  manager.query(`insert into user_identities (issuer, subject, user_id) values ($1, $2, $3) on conflict do nothing`, [
    issuer,
    subject,
    userId,
  ]);
