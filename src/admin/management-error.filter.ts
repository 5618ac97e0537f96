import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { GatewayError, InvalidRequestError, NotFoundError } from '../core/errors';
import type { ErrorDto } from './dtos/error.dto';

/** Tells the caller of the management API what was wrong, in the shape of all our errors. */
@Catch()
export class ManagementErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('ManagementApi');

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const told = this.translate(error);
    // The throttler has told the wait already.
    if (!response.hasHeader('retry-after') && told.retryAfterMs !== undefined)
      response.setHeader('retry-after', Math.ceil(told.retryAfterMs / 1000));
    const { message, type, param, code } = told;
    const body: ErrorDto = { error: { message, type, param, code } };
    response.status(told.status).type('application/json').send(JSON.stringify(body));
  }

  private translate(error: unknown): GatewayError {
    if (error instanceof GatewayError) return error;
    if (error instanceof HttpException && error.getStatus() < 500) {
      return fromStatus(error.getStatus(), error.message);
    }
    this.logger.error(error);
    return new GatewayError(
      500,
      'internal_error',
      'api_error',
      'Something went wrong in the gateway. It has been logged.',
    );
  }
}

function fromStatus(status: number, message: string): GatewayError {
  if (status === 404) return new NotFoundError(message);
  if (status !== 429) return new InvalidRequestError(message);
  const text = 'Too many calls of the management API from this address. Wait as long as retry-after says.';
  return new GatewayError(429, 'rate_limit_exceeded', 'rate_limit_error', text, { retryAfterMs: 60_000 });
}
