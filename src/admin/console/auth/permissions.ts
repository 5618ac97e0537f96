import type { UserRole, UserWithTeams } from '../../../access';

/** What a page or an action needs. `public` needs nothing; `signed_in` only a session. */
export const PERMISSIONS = [
  'public',
  'signed_in',
  'usage.read',
  'keys.read',
  'keys.rotate',
  'keys.write',
  'directory.read',
  'directory.write',
  'routing.read',
  'config.read',
  'config.write',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const READS: readonly Permission[] = ['usage.read', 'keys.read', 'directory.read', 'routing.read', 'config.read'];

const GRANTS: Readonly<Record<UserRole, ReadonlySet<Permission>>> = {
  admin: new Set(PERMISSIONS),
  auditor: new Set<Permission>(['signed_in', ...READS]),
  team_lead: new Set<Permission>([
    'signed_in',
    'usage.read',
    'keys.read',
    'keys.rotate',
    'keys.write',
    'directory.read',
  ]),
  member: new Set<Permission>(['signed_in', 'usage.read', 'keys.read', 'keys.rotate']),
};

/** Whose rows a person sees: everybody's, those of their teams, or their own. */
export type Scope =
  | { readonly kind: 'all' }
  | { readonly kind: 'teams'; readonly teamIds: readonly string[] }
  | { readonly kind: 'user'; readonly userId: string };

/** The person who is signed in, read anew for each request: a change of role or team works at once. */
export interface Viewer {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: UserRole;
  readonly scope: Scope;
}

export const mayDo = (role: UserRole, permission: Permission): boolean =>
  permission === 'public' || GRANTS[role].has(permission);

export function viewerOf(user: UserWithTeams): Viewer {
  const { id, name, email, role } = user;
  return { id, name, email, role, scope: scopeOf(user) };
}

function scopeOf({ id, role, teamIds }: UserWithTeams): Scope {
  if (role === 'admin' || role === 'auditor') return { kind: 'all' };
  return role === 'team_lead' ? { kind: 'teams', teamIds } : { kind: 'user', userId: id };
}

/** Whether a row that belongs to this team and user is within what the person sees. */
export function isWithin(scope: Scope, row: { readonly teamId: string; readonly userId: string | null }): boolean {
  if (scope.kind === 'all') return true;
  return scope.kind === 'teams' ? scope.teamIds.includes(row.teamId) : row.userId === scope.userId;
}
