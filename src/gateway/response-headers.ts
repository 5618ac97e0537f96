import type { ServerResponse } from 'node:http';
import type { GatewayContext } from '../core/context';
import type { GatewayError } from '../core/errors';
import { formatUsd, type NanoUsd } from '../core/money';
import { rateLimitHeaders } from '../rate-limit';

type Headers = Record<string, string>;

/** For routes whose answer Nest writes. */
export function setGatewayHeaders(context: GatewayContext, response: ServerResponse): void {
  for (const [name, value] of Object.entries(gatewayHeaders(context))) response.setHeader(name, value);
}

/** Printable ASCII only: a model name comes from outside, and a header must not. */
const headerSafe = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 256);

/** The headers every answer of the data plane carries (contract, section 4). */
export function gatewayHeaders(context: GatewayContext): Headers {
  const headers: Headers = { 'x-request-id': context.requestId };
  if (context.dialect === 'anthropic') headers['request-id'] = context.requestId;
  const { served } = context;
  if (served) {
    headers['x-gateway-provider'] = headerSafe(served.provider);
    headers['x-gateway-model'] = headerSafe(served.model);
  }
  headers['x-gateway-attempts'] = String(served?.attempts ?? 0);
  headers['x-gateway-fallback'] = String(served?.fallback ?? false);
  headers['x-gateway-cache'] = context.cacheStatus;
  if (context.replayOf !== undefined) headers['idempotent-replayed'] = 'true';
  Object.assign(headers, cacheHeaders(context));
  headers['x-gateway-overhead-ms'] = Math.max(0, context.elapsedMs() - context.upstreamMs).toFixed(3);
  if (context.clampedMaxTokens !== undefined)
    headers['x-gateway-max-tokens-clamped'] = String(context.clampedMaxTokens);
  Object.assign(headers, rateLimitHeaders(context));
  return headers;
}

/** What the cache did, in its own words and in those of RFC 9211; nothing while the cache is off. */
function cacheHeaders({ cacheReport, cacheStatus }: GatewayContext): Headers {
  if (!cacheReport) return {};
  const { hit, detail } = cacheReport;
  const why = detail === null ? '' : `; detail=${detail}`;
  if (!hit) return { 'cache-status': `ai-gateway; fwd=${cacheStatus === 'miss' ? 'miss' : 'bypass'}${why}` };
  return {
    'x-gateway-cache-similarity': hit.similarity.toFixed(4),
    age: String(hit.ageSeconds),
    'cache-status': `ai-gateway; hit; ttl=${hit.ttlSeconds}${why}`,
  };
}

export function costHeader(cost: NanoUsd): Headers {
  return { 'x-gateway-cost-usd': formatUsd(cost) };
}

/** What of the request the provider does not know and was left out. */
export function warningsHeader(warnings: readonly string[] | undefined): Headers {
  if (warnings === undefined || warnings.length === 0) return {};
  return { 'x-gateway-warnings': headerSafe(warnings.join('; ')) };
}

/** What an error adds. `retry-after` is whole seconds, rounded up; `retry-after-ms` is exact. */
export function errorHeaders(error: GatewayError): Headers {
  const headers: Headers = { 'x-gateway-error-source': error.source };
  if (error.retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.ceil(error.retryAfterMs / 1000));
    headers['retry-after-ms'] = String(Math.ceil(error.retryAfterMs));
  }
  if (error.shouldRetry !== undefined) headers['x-should-retry'] = String(error.shouldRetry);
  if (error.status === 401) headers['www-authenticate'] = 'Bearer realm="gateway"';
  return headers;
}
