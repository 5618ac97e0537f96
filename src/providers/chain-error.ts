import type { Dialect } from '../core/dialect';
import type { TargetName } from '../core/context';
import { ProviderChainError, type AttemptSummary, type UpstreamError, type UpstreamFailure } from '../core/errors';

/** One failed call of the chain. */
export interface FailedAttempt extends TargetName {
  readonly error: UpstreamError;
}

const summary = ({ provider, model, error }: FailedAttempt): AttemptSummary => ({
  provider,
  model,
  error: error.reason,
  status: error.status ?? null,
});

const listed = (failures: readonly FailedAttempt[]): string =>
  failures.map(({ provider, model, error }) => `${provider}/${model}: ${error.reason}`).join('; ');

const all = (failures: readonly FailedAttempt[], kind: UpstreamFailure): boolean =>
  failures.every(({ error }) => error.failure === kind);

/** What the caller is told about: the first rejection, which is about the call itself, else the last failure. */
const decisive = (failures: readonly FailedAttempt[]): UpstreamError | undefined =>
  (failures.find(({ error }) => error.failure === 'rejected') ?? failures.at(-1))?.error;

/** The provider's own words may be shown, unless they are about the operator's credentials. */
function rawOf(failures: readonly FailedAttempt[]): { dialect: Dialect; body: Buffer } | null {
  const error = decisive(failures);
  if (!error?.body || !error.dialect || error.status === 401 || error.status === 403) return null;
  const isOnlyAttempt = failures.length === 1;
  const isAboutTheCall = error.failure === 'rejected' || error.failure === 'rate_limited';
  return isOnlyAttempt || isAboutTheCall ? { dialect: error.dialect, body: error.body } : null;
}

type Shape = ConstructorParameters<typeof ProviderChainError>[0];

function rejection({ status = 400, message, reason }: UpstreamError): Shape {
  if (reason === 'context_length') {
    return { status, code: 'context_length_exceeded', type: 'invalid_request_error', message };
  }
  if (status === 404) return { status, code: 'model_not_found', type: 'not_found_error', message };
  return { status, code: 'invalid_request_error', type: 'invalid_request_error', message };
}

function rateLimited(failures: readonly FailedAttempt[], last: UpstreamError): Shape {
  if (last.reason === 'insufficient_quota') {
    const type = 'insufficient_quota' as const;
    return { status: last.status ?? 429, code: type, type, message: last.message };
  }
  const message = rawOf(failures) ? last.message : `Every provider is rate limited (${listed(failures)}).`;
  return { status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error', message };
}

/** OpenAI's APIs share one shape of errors; Anthropic has its own. */
const saysErrorsAlike = (one: Dialect, other: Dialect | undefined): boolean =>
  (one === 'anthropic') === (other === 'anthropic');

function shapeOf(failures: readonly FailedAttempt[], last: UpstreamError, dialect: Dialect | undefined): Shape {
  if (last.failure === 'rejected') return rejection(last);
  if (all(failures, 'rate_limited')) return rateLimited(failures, last);
  if (all(failures, 'timeout')) {
    const message = `No provider answered in time (${listed(failures)}).`;
    return { status: 504, code: 'provider_timeout', type: 'timeout_error', message };
  }
  const raw = rawOf(failures);
  const isKept =
    raw !== null && saysErrorsAlike(raw.dialect, dialect) && last.status !== undefined && last.status >= 400;
  const message = `No provider could answer (${listed(failures)}).`;
  return { status: isKept ? (last.status ?? 502) : 502, code: 'provider_error', type: 'api_error', message };
}

/** A target that was not called, because its provider had asked for a wait. */
export interface HeldTarget extends TargetName {
  readonly endsInMs: number;
}

/** Nobody was called: everybody had asked for a wait, or there is nobody. */
function nobodyCalled(held: readonly HeldTarget[]): ProviderChainError {
  const waitMs = Math.min(...held.map(({ endsInMs }) => endsInMs));
  if (held.length === 0) {
    const message = 'No healthy provider serves this model at the moment.';
    const shape = { status: 503, code: 'no_healthy_provider', type: 'overloaded_error' as const, message };
    return new ProviderChainError(shape, [], null, { retryAfterMs: 1000 });
  }
  const names = held.map(({ provider, model }) => `${provider}/${model}`).join(', ');
  const message = `Every provider has asked for a wait (${names}). Try again in ${Math.ceil(waitMs / 1000)} s.`;
  const shape = { status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' as const, message };
  return new ProviderChainError(shape, [], null, { retryAfterMs: waitMs });
}

/**
 * What the caller is told when the whole chain has failed. A rejection is the provider's own answer; when everything was
 * rate limited it is a 429 with the shortest wait; when everything timed out a 504; otherwise a 502 that lists each
 * attempt. A single failed attempt of the caller's own dialect keeps its status and body. `held` are the targets that
 * were not called because their provider had asked for a wait.
 */
export function chainError(
  failures: readonly FailedAttempt[],
  held: readonly HeldTarget[] = [],
  dialect?: Dialect,
): ProviderChainError {
  const last = decisive(failures);
  if (!last) return nobodyCalled(held);
  const asked = failures.flatMap(({ error }) => (error.retryAfterMs === undefined ? [] : [error.retryAfterMs]));
  const waits = [...asked, ...held.map(({ endsInMs }) => endsInMs)];
  return new ProviderChainError(shapeOf(failures, last, dialect), failures.map(summary), rawOf(failures), {
    retryAfterMs: waits.length > 0 ? Math.min(...waits) : undefined,
    shouldRetry: last.shouldRetry ?? (last.failure === 'rejected' ? false : undefined),
    cause: last,
  });
}
