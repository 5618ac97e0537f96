import type { Request } from 'express';

export interface CookieNames {
  readonly session: string;
  readonly csrf: string;
  readonly device: string;
  /** While somebody is away at the identity provider. */
  readonly oidc: string;
  /** What was done, until the next page has said so. */
  readonly done: string;
}

/**
 * Over https the names begin with `__Host-`: browsers then take them only from this very host, only over https. Over plain
 * http browsers refuse that prefix, so that the console could not be tried on a laptop: there the names stand alone.
 */
const PLAIN: CookieNames = {
  session: 'gw_session',
  csrf: 'gw_csrf',
  device: 'gw_device',
  oidc: 'gw_oidc',
  done: 'gw_done',
};
const SECURE: CookieNames = {
  session: '__Host-gw_session',
  csrf: '__Host-gw_csrf',
  device: '__Host-gw_device',
  oidc: '__Host-gw_oidc',
  done: '__Host-gw_done',
};

export const cookieNames = (isSecure: boolean): CookieNames => (isSecure ? SECURE : PLAIN);

export function cookieOf(request: Request, name: string): string | undefined {
  const value = (request.cookies as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}
