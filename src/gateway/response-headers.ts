import type { ServerResponse } from 'node:http';
import type { GatewayContext } from '../core/context';
import type { GatewayError } from '../core/errors';
import { formatUsd, type NanoUsd } from '../core/money';
import { rateLimitHeaders } from '../rate-limit';

/** Headers as Node writes them fastest: name, value, name, value. */
export type HeaderList = readonly string[];

/** For routes whose answer Nest writes. */
export function setGatewayHeaders(context: GatewayContext, response: ServerResponse): void {
  setHeaders(response, gatewayHeaders(context));
}

function setHeaders(response: ServerResponse, headers: HeaderList): void {
  for (let index = 0; index < headers.length; index += 2) response.setHeader(headers[index]!, headers[index + 1]!);
}

/** On routes of Express, headers of its middleware may be set already; a list would then be written beside them. */
export function writeHead(response: ServerResponse, status: number, headers: HeaderList): void {
  if (response.getHeaderNames().length === 0) {
    response.writeHead(status, headers as string[]);
    return;
  }
  setHeaders(response, headers);
  response.writeHead(status);
}

/** Printable ASCII only: a model name comes from outside, and a header must not. */
const headerSafe = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 256);

/** The headers every answer of the data plane carries (contract, section 4). */
export function gatewayHeaders(context: GatewayContext): HeaderList {
  const { served, requestId } = context;
  const headers = ['x-request-id', requestId];
  if (context.dialect === 'anthropic') headers.push('request-id', requestId);
  if (served) {
    headers.push('x-gateway-provider', headerSafe(served.provider), 'x-gateway-model', headerSafe(served.model));
  }
  headers.push('x-gateway-attempts', String(served?.attempts ?? 0));
  headers.push('x-gateway-fallback', served?.fallback === true ? 'true' : 'false');
  headers.push('x-gateway-cache', context.cacheStatus);
  if (context.replayOf !== undefined) headers.push('idempotent-replayed', 'true');
  addCacheHeaders(headers, context);
  headers.push('x-gateway-overhead-ms', Math.max(0, context.elapsedMs() - context.upstreamMs).toFixed(3));
  if (context.clampedMaxTokens !== undefined)
    headers.push('x-gateway-max-tokens-clamped', String(context.clampedMaxTokens));
  headers.push(...rateLimitHeaders(context));
  return headers;
}

/** What the cache did, in its own words and in those of RFC 9211; nothing while the cache is off. */
function addCacheHeaders(headers: string[], { cacheReport, cacheStatus }: GatewayContext): void {
  if (!cacheReport) return;
  const { hit, detail } = cacheReport;
  const why = detail === null ? '' : `; detail=${detail}`;
  if (!hit) {
    headers.push('cache-status', `ai-gateway; fwd=${cacheStatus === 'miss' ? 'miss' : 'bypass'}${why}`);
    return;
  }
  headers.push('x-gateway-cache-similarity', hit.similarity.toFixed(4), 'age', String(hit.ageSeconds));
  // An answer that stands in for failed providers is no hit in the words of RFC 9211: the request was forwarded.
  const how = hit.insteadOf === undefined ? 'hit' : `fwd=stale; fwd-status=${hit.insteadOf}`;
  headers.push('cache-status', `ai-gateway; ${how}; ttl=${hit.ttlSeconds}${why}`);
}

export function costHeader(cost: NanoUsd): HeaderList {
  return ['x-gateway-cost-usd', formatUsd(cost)];
}

const NONE: HeaderList = [];

/** What of the request the provider does not know and was left out. */
export function warningsHeader(warnings: readonly string[] | undefined): HeaderList {
  if (warnings === undefined || warnings.length === 0) return NONE;
  return ['x-gateway-warnings', headerSafe(warnings.join('; '))];
}

/** What an error adds. `retry-after` is whole seconds, rounded up; `retry-after-ms` is exact. */
export function errorHeaders(error: GatewayError): HeaderList {
  const headers = ['x-gateway-error-source', error.source];
  if (error.retryAfterMs !== undefined) {
    headers.push('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
    headers.push('retry-after-ms', String(Math.ceil(error.retryAfterMs)));
  }
  if (error.shouldRetry !== undefined) headers.push('x-should-retry', String(error.shouldRetry));
  if (error.status === 401) headers.push('www-authenticate', 'Bearer realm="gateway"');
  return headers;
}
