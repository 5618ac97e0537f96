import type { IncomingMessage, ServerResponse } from 'node:http';
import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { RequestContexts } from '../platform/http/request-contexts';
import { DIALECTS } from './dialects';
import { toGatewayError } from '../platform/http/gateway-error';
import { endLingering } from '../platform/http/lingering-end';
import { errorHeaders, gatewayHeaders, writeHead } from './response-headers';

/** Answers every error in the caller's dialect, on every route. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('Gateway');

  constructor(private readonly contexts: RequestContexts) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<IncomingMessage>();
    const response = http.getResponse<ServerResponse>();
    const context = this.contexts.of(request, response);
    const error = context.interruption ?? toGatewayError(thrown);
    if (error.status === 500) this.logger.error(error.cause instanceof Error ? error.cause : error, context.requestId);
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { errors } = DIALECTS[context.dialect];
    const status = errors.status(error);
    const body = errors.body(error, context.requestId);
    context.outcome = { status, errorCode: error.code };
    const headers = [...gatewayHeaders(context), ...errorHeaders(error)];
    headers.push('content-type', 'application/json', 'content-length', String(Buffer.byteLength(body)));
    headers.push('cache-control', 'no-store');
    // The rest of a body that was refused may be endless, so the connection is not used again.
    if (!request.complete) headers.push('connection', 'close');
    writeHead(response, status, headers);
    endLingering(request, response, body);
  }
}
