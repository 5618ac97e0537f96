import type { IncomingHttpHeaders } from 'node:http';

const BEARER = /^bearer +(.+)$/i;

/**
 * The key a caller shows: `Authorization: Bearer`, `x-api-key` or `api-key`, in this order. Clients that send a
 * credential of another service along are understood: a gateway key in any of the three wins.
 */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const authorization = headers.authorization;
  const bearer = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1]?.trim();
  if (bearer?.startsWith('gw_')) return bearer;
  const others = [single(headers['x-api-key']), single(headers['api-key'])];
  return others.find((key) => key?.startsWith('gw_')) ?? bearer ?? others.find((key) => key !== undefined);
}

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value?.trim();
