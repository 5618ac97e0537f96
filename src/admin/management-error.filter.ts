import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { GatewayError } from '../core/errors';
import { toGatewayError } from '../platform/http/gateway-error';
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
    const told = toGatewayError(error);
    if (told.status === 500) this.logger.error(told.cause ?? error);
    // The throttler's own: it counts by address, not by key.
    return error instanceof HttpException && told.status === 429 ? tooManyCalls() : told;
  }
}

const tooManyCalls = (): GatewayError =>
  new GatewayError(
    429,
    'rate_limit_exceeded',
    'rate_limit_error',
    'Too many calls of the management API from this address. Wait as long as retry-after says.',
    { retryAfterMs: 60_000 },
  );
