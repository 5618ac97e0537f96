/** Whose rows a caller sees: everybody's, those of their teams, or their own. */
export type Scope =
  | { readonly kind: 'all' }
  | { readonly kind: 'teams'; readonly teamIds: readonly string[] }
  | { readonly kind: 'user'; readonly userId: string };

export const EVERYBODY: Scope = { kind: 'all' };

/** Whether a row that belongs to this team and user is within what the caller sees. */
export function isWithin(scope: Scope, row: { readonly teamId: string; readonly userId: string | null }): boolean {
  if (scope.kind === 'all') return true;
  return scope.kind === 'teams' ? scope.teamIds.includes(row.teamId) : row.userId === scope.userId;
}
