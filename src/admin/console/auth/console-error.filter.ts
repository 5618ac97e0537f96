import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { GatewayError, NotFoundError } from '../../../core/errors';
import { Pages } from '../render/pages';
import { NotSignedInError } from './not-signed-in.error';

const TITLES: Readonly<Record<number, string>> = {
  400: 'That does not work',
  403: 'Not allowed',
  404: 'Not found',
  409: 'That is in the way',
  429: 'Slow down',
  503: 'Busy',
};

/** Shows errors as pages. Who is not signed in is shown the sign-in page, and comes back to where they were. */
@Catch()
export class ConsoleErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('Console');

  constructor(private readonly pages: Pages) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (error instanceof NotSignedInError) {
      this.pages.signIn(response, { status: 401, next: nextOf(response) });
      return;
    }
    const told = this.translate(error);
    if (told.retryAfterMs !== undefined) response.setHeader('retry-after', Math.ceil(told.retryAfterMs / 1000));
    const title = TITLES[told.status] ?? 'Something went wrong';
    this.pages.show(response, 'error', { title, message: told.message, code: told.code }, told.status);
  }

  private translate(error: unknown): GatewayError {
    if (error instanceof GatewayError) return error;
    if (error instanceof HttpException && error.getStatus() === 404) return new NotFoundError('There is no such page.');
    if (error instanceof HttpException && error.getStatus() === 429) {
      const text = 'Too many attempts from this address. Try again in a minute.';
      return new GatewayError(429, 'rate_limit_exceeded', 'rate_limit_error', text);
    }
    this.logger.error(error);
    return new GatewayError(500, 'internal_error', 'api_error', 'The gateway could not do this. It has been logged.');
  }
}

const nextOf = (response: Response): string => (response.req.method === 'GET' ? response.req.originalUrl : '');
