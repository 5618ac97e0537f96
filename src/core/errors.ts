import type { Dialect } from './dialect';

/** OpenAI's `error.type`; the Anthropic dialect maps it to its own (see `gateway/dialects/anthropic`). */
export type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'insufficient_quota'
  | 'overloaded_error'
  | 'timeout_error'
  | 'api_error';

export interface ErrorDetails {
  /** Field of the request that is wrong, in the caller's words: `messages[2].content`. */
  readonly param?: string | undefined;
  /** How long to wait before the same call can succeed. */
  readonly retryAfterMs?: number | undefined;
  /** `false` when a retry within a minute is useless; both official SDKs obey it. */
  readonly shouldRetry?: boolean | undefined;
  readonly source?: 'gateway' | 'provider' | undefined;
  /** Extra machine-readable facts for `error.details`. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** An error the caller is told about: a stable `code`, an HTTP status, and a message that says what to do. */
export class GatewayError extends Error {
  readonly param: string | null;
  readonly retryAfterMs: number | undefined;
  readonly shouldRetry: boolean | undefined;
  readonly source: 'gateway' | 'provider';
  readonly facts: Readonly<Record<string, unknown>> | undefined;

  constructor(
    readonly status: number,
    readonly code: string,
    readonly type: ErrorType,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.param = details.param ?? null;
    this.retryAfterMs = details.retryAfterMs;
    this.shouldRetry = details.shouldRetry;
    this.source = details.source ?? 'gateway';
    this.facts = details.facts;
  }
}

/** The request itself is wrong. */
export class InvalidRequestError extends GatewayError {
  constructor(message: string, param?: string) {
    super(400, 'invalid_request_error', 'invalid_request_error', message, { param, shouldRetry: false });
  }
}

/** Missing, unknown, revoked or expired key: one message for all, so that nothing can be learnt from it. */
export class InvalidApiKeyError extends GatewayError {
  constructor() {
    super(
      401,
      'invalid_api_key',
      'authentication_error',
      'The API key is missing or not valid. Send a gateway key as "Authorization: Bearer gw_…" (or x-api-key); ask your administrator for one.',
      { shouldRetry: false },
    );
  }
}

/** The key is good, but may not do this. */
export class PermissionDeniedError extends GatewayError {
  constructor(message: string, code = 'permission_denied', param?: string) {
    super(403, code, 'permission_error', message, { param, shouldRetry: false });
  }
}

export class NotFoundError extends GatewayError {
  constructor(message: string, code = 'not_found', param?: string) {
    super(404, code, 'not_found_error', message, { param, shouldRetry: false });
  }
}

export class ConflictError extends GatewayError {
  constructor(message: string, param?: string) {
    super(409, 'conflict', 'invalid_request_error', message, { param, shouldRetry: false });
  }
}

export class RequestTooLargeError extends GatewayError {
  constructor(limitBytes: number) {
    super(
      413,
      'request_too_large',
      'request_too_large',
      `The request body is larger than ${limitBytes} bytes. Send less, or ask the operator to raise server.max_body_bytes.`,
      { shouldRetry: false },
    );
  }
}

/** The cost of the call has no upper bound and the policy forbids guessing. */
export class UnpriceableError extends GatewayError {
  constructor(provider: string, model: string) {
    super(
      400,
      'budget_unpriceable',
      'invalid_request_error',
      `No price is known for model "${model}" of provider "${provider}", so its cost has no upper bound. Use another model, or ask the operator to set pricing.overrides or pricing.unknown.`,
      { param: 'model', shouldRetry: false },
    );
  }
}

/** A stream that has cost more than was reserved for it: the provider does not keep to the bound it was sent. */
export class StreamCutoffError extends GatewayError {
  constructor() {
    super(
      502,
      'budget_cutoff',
      'api_error',
      'The provider has charged more for this stream than was reserved for it under a hard budget, so it was cut. Ask for less with max_tokens; operators: see streams.cutoff.',
      { shouldRetry: false, source: 'provider' },
    );
  }
}

export class OverloadedError extends GatewayError {
  constructor(message: string, retryAfterMs: number) {
    super(503, 'overloaded', 'overloaded_error', message, { retryAfterMs });
  }
}

/**
 * What went wrong with a call to a provider; all that routing needs to know.
 * `rejected` is the caller's fault and never falls back; `misconfigured` is the operator's (a wrong key, a redirect).
 */
export type UpstreamFailure = 'rate_limited' | 'timeout' | 'unavailable' | 'rejected' | 'misconfigured' | 'cancelled';

export interface UpstreamErrorDetails {
  /** A short stable word for logs and the attempt list: `http_500`, `first_byte_timeout`, `truncated`, … */
  readonly reason: string;
  /** Present when the provider answered. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The provider's own error body, as it came, when it was JSON: what a caller of the same dialect is shown. */
  readonly body?: Buffer | undefined;
  readonly dialect?: Dialect | undefined;
  /** The provider's `x-should-retry`, when it sent one. */
  readonly shouldRetry?: boolean | undefined;
  readonly cause?: unknown;
}

/** A failed call to a provider. Its message is safe to show: it never holds a header, an address or a key. */
export class UpstreamError extends Error {
  readonly reason: string;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly body: Buffer | undefined;
  readonly dialect: Dialect | undefined;
  readonly shouldRetry: boolean | undefined;

  constructor(
    readonly provider: string,
    readonly failure: UpstreamFailure,
    message: string,
    details: UpstreamErrorDetails,
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'UpstreamError';
    this.reason = details.reason;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.body = details.body;
    this.dialect = details.dialect;
    this.shouldRetry = details.shouldRetry;
  }
}

/** One line of the list of attempts that a chain error shows. */
export interface AttemptSummary {
  readonly provider: string;
  readonly model: string;
  readonly error: string;
  readonly status: number | null;
}

/**
 * No provider could answer. `raw` is the last provider's own error body, which a caller of the same dialect is shown
 * unchanged; everybody else gets the message and the list of attempts.
 */
export class ProviderChainError extends GatewayError {
  constructor(
    shape: { readonly status: number; readonly code: string; readonly type: ErrorType; readonly message: string },
    readonly attempts: readonly AttemptSummary[],
    readonly raw: { readonly dialect: Dialect; readonly body: Buffer } | null,
    details: ErrorDetails = {},
  ) {
    super(shape.status, shape.code, shape.type, shape.message, {
      ...details,
      // Nobody was called when every target is left alone for now.
      source: attempts.length > 0 ? 'provider' : 'gateway',
      facts: { attempts, ...details.facts },
    });
  }
}
