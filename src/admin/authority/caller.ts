import type { UserRole, UserWithTeams } from '../../access';
import type { Identity, Limits } from '../../core/context';
import { EVERYBODY, type Scope } from '../../core/scope';
import type { Actor } from '../audit/audit-log';

/** How a caller showed who they are. */
export type CallerKind = 'admin_key' | 'key' | 'person';

/** What a caller may use themselves, beyond what their team sets: nobody gives away more. */
export interface Holdings {
  readonly limits: readonly Limits[];
  /** A model must be in every list. */
  readonly models: readonly (readonly string[])[];
}

/** Who asks for something of the management API or the console, read anew for each request: a change of role works at once. */
export interface Caller {
  readonly kind: CallerKind;
  /** The person who asks; null for the admin key and for keys of nobody. */
  readonly userId: string | null;
  /** The key that was shown; null for the admin key and in the console. */
  readonly keyId: string | null;
  /** An email, or the name of a key: for the audit log. */
  readonly label: string;
  readonly role: UserRole;
  readonly scope: Scope;
  readonly holds: Holdings;
  /** Where the call came from. */
  readonly address: string | null;
}

const UNBOUNDED: Holdings = { limits: [], models: [] };

/** The bootstrap key may do everything. */
export const ADMIN_KEY_CALLER: Caller = {
  kind: 'admin_key',
  userId: null,
  keyId: null,
  label: 'admin key',
  role: 'admin',
  scope: EVERYBODY,
  holds: UNBOUNDED,
  address: null,
};

/** A management key of nobody speaks for the organization: only an administrator can have made it. */
export const callerOfServiceKey = ({ keyId, keyName }: Identity): Caller => ({
  ...ADMIN_KEY_CALLER,
  kind: 'key',
  keyId,
  label: keyName,
});

/** A person, in the console. */
export const callerOf = (user: UserWithTeams): Caller => ({
  kind: 'person',
  userId: user.id,
  keyId: null,
  label: user.email,
  role: user.role,
  scope: scopeOf(user),
  holds: { limits: present(user.limits), models: present(user.allowedModels) },
  address: null,
});

/** A management key of a person has the role of the person, and what the key itself may use. */
export function callerOfKey(user: UserWithTeams, identity: Identity): Caller {
  const person = callerOf(user);
  return {
    ...person,
    kind: 'key',
    keyId: identity.keyId,
    holds: {
      limits: [...person.holds.limits, ...present(identity.limits.key)],
      models: identity.allowedModels ?? person.holds.models,
    },
  };
}

/** How the caller stands in the audit log. */
export const actorOf = ({ kind, userId, keyId, label, address }: Caller): Actor => ({
  kind,
  id: userId ?? keyId,
  label: kind === 'key' && userId !== null ? `${label} with ${keyId}` : label,
  address,
});

function scopeOf({ id, role, teamIds }: UserWithTeams): Scope {
  if (role === 'admin' || role === 'auditor') return EVERYBODY;
  return role === 'team_lead' ? { kind: 'teams', teamIds } : { kind: 'user', userId: id };
}

const present = <T>(value: T | null): T[] => (value === null ? [] : [value]);
