import { isIP } from 'node:net';
import type { Request } from 'express';

/**
 * The address of the client: the connection's or, behind a trusted proxy, the one it names. Some proxies name a port with
 * it, which would make each connection a client of its own; what is no address at all counts as not said.
 */
export function clientAddress(request: Request): string | null {
  const named = (request.ip ?? '').replace(/^\[(.*)\](?::\d+)?$/, '$1').replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1');
  return isIP(named) === 0 ? (request.socket.remoteAddress ?? null) : named;
}
