import type { Dialect, JsonObject } from '../../core/chat';
import { UpstreamError, type UpstreamFailure } from '../../core/errors';
import { retryAfterMs } from './retry-after';
import type { UpstreamHead } from './upstream-exchange';

interface ErrorBody {
  readonly message: string | null;
  readonly type: string | null;
  readonly code: string | null;
}

const text = (value: unknown): string | null => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : null;
};

export const asObject = (value: unknown): JsonObject | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;

/** The fields both dialects agree on, wherever a compatible server puts them. */
export function readErrorBody(body: JsonObject | null): ErrorBody {
  const nested = body?.['error'];
  const error = asObject(nested) ?? body ?? {};
  const message = text(error['message']) ?? text(nested) ?? text(error['detail']);
  return { message, type: text(error['type']), code: text(error['code']) };
}

/** Google's compatible endpoint puts its error into a list. */
function parseErrorBody(bytes: Buffer): JsonObject | null {
  const text = bytes.toString('utf8').trim();
  const isList = text.startsWith('[') && text.endsWith(']');
  return parseObject(isList ? Buffer.from(text.slice(1, -1)) : bytes);
}

/** null: it is no JSON object. */
export function parseObject(json: Buffer | string): JsonObject | null {
  try {
    return asObject(JSON.parse(typeof json === 'string' ? json : json.toString('utf8')));
  } catch {
    return null;
  }
}

/** An account without money: no wait cures it, another provider may. */
const isOutOfQuota = ({ code, type, message }: ErrorBody): boolean =>
  code === 'insufficient_quota' ||
  type === 'insufficient_quota' ||
  code === 'billing_hard_limit_reached' ||
  /credit balance is too low/i.test(message ?? '');

/** The prompt, or with it the answer asked for, does not fit the model: another one may have more room. */
const isTooLong = ({ code, message }: ErrorBody): boolean =>
  code === 'context_length_exceeded' ||
  /maximum context length|context (length|window|limit)|(prompt|input) is too long|too many (input )?tokens/i.test(
    message ?? '',
  );

/** The provider's own filter refused the prompt: another provider has another one. */
const isFiltered = ({ code, type }: ErrorBody): boolean =>
  [code, type].some((word) => word !== null && /^content_(filter|policy_violation)$|^ResponsibleAIPolicy/.test(word));

function rejection(error: ErrorBody, otherwise: string): string {
  if (isTooLong(error)) return 'context_length';
  return isFiltered(error) ? 'content_filter' : otherwise;
}

const isTooLarge = ({ message }: ErrorBody): boolean => /request too large/i.test(message ?? '');

/** Statuses that do not mean what their hundred says. */
const STATUS_FAILURES: Readonly<Record<number, UpstreamFailure>> = {
  401: 'misconfigured',
  403: 'misconfigured',
  408: 'timeout',
  409: 'unavailable',
  425: 'unavailable',
  504: 'timeout',
};

function classify(status: number, error: ErrorBody): { failure: UpstreamFailure; reason: string } {
  if (isOutOfQuota(error)) return { failure: 'rate_limited', reason: 'insufficient_quota' };
  if (status === 429) return { failure: 'rate_limited', reason: isTooLarge(error) ? 'request_too_large' : 'http_429' };
  if (status >= 300 && status < 400) return { failure: 'misconfigured', reason: 'redirect' };
  if (status === 508) return { failure: 'misconfigured', reason: 'request_loop' };
  const failure = STATUS_FAILURES[status] ?? (status >= 500 ? 'unavailable' : 'rejected');
  return { failure, reason: failure === 'rejected' ? rejection(error, `http_${status}`) : `http_${status}` };
}

/** What an answer with an error status means for routing, with the provider's own body kept for callers of its dialect. */
export function httpError(provider: string, dialect: Dialect, head: UpstreamHead, body: Buffer): UpstreamError {
  const { status, headers } = head;
  const parsed = parseErrorBody(body);
  const error = readErrorBody(parsed);
  const { failure, reason } = classify(status, error);
  const shouldRetry = headers['x-should-retry'];
  const message = error.message ?? `Provider "${provider}" answered with status ${status}`;
  return new UpstreamError(provider, failure, message, {
    reason,
    status,
    dialect,
    body: parsed ? errorBytes(body, parsed) : undefined,
    retryAfterMs: status === 429 || status >= 500 ? retryAfterMs(headers, Date.now()) : undefined,
    shouldRetry: reason === 'insufficient_quota' || shouldRetry === 'false' ? false : undefined,
  });
}

/** As it came, unless no client of the dialect could read it. */
const errorBytes = (body: Buffer, parsed: JsonObject): Buffer =>
  body.toString('latin1', 0, 16).trimStart().startsWith('[') ? Buffer.from(JSON.stringify(parsed)) : body;

const STREAM_FAILURES: readonly [RegExp, UpstreamFailure, number][] = [
  [/rate_limit|too_many_requests|^429$/i, 'rate_limited', 429],
  [/quota|billing/i, 'rate_limited', 429],
  [/invalid_request|context_length|content_(filter|policy)|not_found|^400$/i, 'rejected', 400],
  [/overloaded|^529$|^503$/i, 'unavailable', 529],
  [/timeout/i, 'timeout', 504],
];

/** An error event inside a 200 stream. Before the first content it is answered like the status it stands for. */
export function streamError(provider: string, dialect: Dialect, data: JsonObject): UpstreamError {
  const error = readErrorBody(data);
  const name = `${error.type ?? ''} ${error.code ?? ''}`;
  const [, failure, status] = STREAM_FAILURES.find(([pattern]) =>
    [error.type, error.code].some((word) => word !== null && pattern.test(word)),
  ) ?? [null, 'unavailable' as const, 500];
  return new UpstreamError(provider, failure, error.message ?? `Provider "${provider}" sent an error: ${name.trim()}`, {
    reason: failure === 'rejected' ? rejection(error, 'stream_error') : 'stream_error',
    status,
    dialect,
    body: Buffer.from(JSON.stringify(data)),
  });
}
