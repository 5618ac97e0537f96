import type { RequestHandler } from 'express';
import type { LiveConfig } from '../platform/config/live-config';
import { ServerConfig } from '../platform/http/server.config';
import type { ErrorDto } from './dtos/error.dto';

const REFUSAL: ErrorDto = {
  error: {
    message: 'This address is not one that the gateway is managed at. Use a host name of server.allowed_hosts.',
    type: 'invalid_request_error',
    param: null,
    code: 'misdirected_request',
  },
};

/**
 * Refuses, with 421, host names that the console and the management API do not answer to: a page of another name that is
 * made to lead to this address (DNS rebinding) reaches neither. `server.allowed_hosts` is read anew for each request.
 */
export const allowedHosts =
  (config: LiveConfig): RequestHandler =>
  (request, response, next) => {
    const { allowed_hosts: allowed } = config.section(ServerConfig);
    // The name without the port; behind a trusted proxy the one that the client used.
    const host = request.hostname.toLowerCase();
    if (!allowed || allowed.some((each) => each.toLowerCase() === host)) next();
    else response.status(421).json(REFUSAL);
  };

/** Answers of the management API are for one caller, once. */
export const unstored: RequestHandler = (_request, response, next) => {
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  next();
};
