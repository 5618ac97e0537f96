import { HttpException, NotFoundException } from '@nestjs/common';
import {
  GatewayError,
  InvalidRequestError,
  NotFoundError,
  RequestTooLargeError,
  UpstreamError,
} from '../../core/errors';

interface HttpLike {
  readonly status: number;
  readonly type?: unknown;
  readonly limit?: unknown;
  readonly message: string;
}

const isHttpLike = (error: unknown): error is HttpLike =>
  error instanceof Error && typeof (error as Partial<HttpLike>).status === 'number';

/** Any error as one the caller may see. What is not known becomes a 500 that tells nothing of the inside. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof UpstreamError) return fromUpstream(error);
  if (error instanceof NotFoundException) {
    return new NotFoundError('There is no such route. The API is documented at /docs.', 'route_not_found');
  }
  // Express's body parser marks its errors with a status and a type; Nest wraps them.
  const read = error instanceof HttpException ? error.cause : error;
  if (isHttpLike(read) && typeof read.type === 'string') return fromBodyParser(read);
  if (error instanceof HttpException) return fromStatus(error.getStatus(), error.message);
  if (isHttpLike(error)) return fromBodyParser(error);
  return internal(error);
}

/** A stream that broke after its first content. */
function fromUpstream(error: UpstreamError): GatewayError {
  const isTimeout = error.failure === 'timeout';
  return new GatewayError(
    isTimeout ? 504 : 502,
    isTimeout ? 'provider_timeout' : 'provider_error',
    isTimeout ? 'timeout_error' : 'api_error',
    error.message,
    { source: 'provider', facts: { reason: error.reason, provider: error.provider }, cause: error },
  );
}

function fromBodyParser(error: HttpLike): GatewayError {
  if (error.status === 413) return new RequestTooLargeError(typeof error.limit === 'number' ? error.limit : 0);
  if (error.status === 400) return new InvalidRequestError('The request body is not valid JSON.');
  return error.status >= 400 && error.status < 500
    ? fromStatus(error.status, 'The request cannot be read.')
    : internal(error);
}

function fromStatus(status: number, message: string): GatewayError {
  if (status === 404) return new NotFoundError(message, 'not_found');
  if (status === 429) return new GatewayError(429, 'rate_limit_exceeded', 'rate_limit_error', message);
  if (status >= 400 && status < 500)
    return new GatewayError(status, 'invalid_request_error', 'invalid_request_error', message);
  return internal(undefined);
}

function internal(cause: unknown): GatewayError {
  return new GatewayError(
    500,
    'internal_error',
    'api_error',
    'Something went wrong inside the gateway. It is recorded under the request id of this answer.',
    { cause },
  );
}
