import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayContext } from '../../core/context';
import { InvalidRequestError } from '../../core/errors';

const HEADER = 'idempotency-key';
/** Printable ASCII; 255 is what the services that made the header known allow. */
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** A request that must not be charged twice. */
export interface KeyedRequest {
  /** Of the API key, the route and the caller's key: callers cannot meet each other's. */
  readonly id: string;
  /** Of the body. */
  readonly fingerprint: string;
}

export const isKeyed = (headers: IncomingHttpHeaders): boolean => headers[HEADER] !== undefined;

/** Null for a request without the header; throws a 400 for one that is no key. */
export function keyedRequest(context: GatewayContext, headers: IncomingHttpHeaders): KeyedRequest | null {
  const key = headers[HEADER];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new InvalidRequestError(`The header ${HEADER} must be 1 to 255 printable ASCII characters.`, HEADER);
  }
  const { identity, request, endpoint } = context;
  if (!identity || !request) throw new Error('the guards have not run');
  return {
    id: digest(JSON.stringify([identity.keyId, endpoint, key])),
    fingerprint: digest(request.document.bytes),
  };
}

const digest = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
