import { GatewayError } from '../../core/errors';

const CODE = 'idempotency_conflict';
const PARAM = 'idempotency-key';

/** The key belongs to another body. */
export class OtherBodyError extends GatewayError {
  constructor(firstRequestId: string) {
    super(
      422,
      CODE,
      'invalid_request_error',
      `This idempotency-key was used with another body (request ${firstRequestId}). Send the same body again, or another key.`,
      { param: PARAM, shouldRetry: false, facts: { first_request_id: firstRequestId } },
    );
  }
}

/** The first request is still being answered, and it takes longer than anybody waits. */
export class StillRunningError extends GatewayError {
  constructor(firstRequestId: string) {
    super(
      409,
      CODE,
      'invalid_request_error',
      `A request with this idempotency-key is still being answered (request ${firstRequestId}). Send it again in a moment to get its answer.`,
      { param: PARAM, retryAfterMs: 1_000, facts: { first_request_id: firstRequestId } },
    );
  }
}

/** The first request has cost something and has left no answer: another call would be charged a second time. */
export class AnswerLostError extends GatewayError {
  constructor(firstRequestId: string, why: string) {
    super(
      409,
      CODE,
      'invalid_request_error',
      `The first request with this idempotency-key (request ${firstRequestId}) ${why}. Send another key to ask again.`,
      { param: PARAM, shouldRetry: false, facts: { first_request_id: firstRequestId } },
    );
  }
}

/** Redis is away and the policy forbids to go on without it. */
export class IdempotencyUnavailableError extends GatewayError {
  constructor(cause: unknown) {
    super(
      503,
      'idempotency_unavailable',
      'overloaded_error',
      'The store of idempotency keys does not answer, so it cannot be said whether this request was made before. Try again, or send it without idempotency-key.',
      { retryAfterMs: 1_000, cause },
    );
  }
}
