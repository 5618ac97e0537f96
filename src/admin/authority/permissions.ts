import type { UserRole } from '../../access';

/** What a route or a page needs. `public` needs nothing; `signed_in` only somebody who is known. */
export const PERMISSIONS = [
  'public',
  'signed_in',
  'usage.read',
  'content.read',
  'keys.read',
  'keys.rotate',
  'keys.write',
  'directory.read',
  'members.write',
  'directory.write',
  'limits.read',
  'limits.write',
  'budgets.read',
  'budgets.write',
  'prices.read',
  'prices.write',
  'playground.use',
  'routing.read',
  'routing.write',
  'cache.read',
  'cache.write',
  'alerts.read',
  'alerts.write',
  'config.read',
  'config.write',
  'audit.read',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Of one's own: keys, usage, limits and budgets. */
const OWN: readonly Permission[] = [
  'signed_in',
  'usage.read',
  'content.read',
  'keys.read',
  'keys.rotate',
  'limits.read',
  'budgets.read',
  'playground.use',
];

/** What each role may do; whose rows it may do it to is its scope (`caller.ts`). */
const GRANTS: Readonly<Record<UserRole, ReadonlySet<Permission>>> = {
  admin: new Set(PERMISSIONS),
  auditor: new Set(PERMISSIONS.filter((name) => name.endsWith('.read') || name === 'signed_in')),
  team_lead: new Set<Permission>([
    ...OWN,
    'keys.write',
    'directory.read',
    'members.write',
    'limits.write',
    'budgets.write',
  ]),
  member: new Set<Permission>(OWN),
};

export const mayDo = (role: UserRole, permission: Permission): boolean =>
  permission === 'public' || GRANTS[role].has(permission);
