import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { NestApplicationOptions } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { newId } from '../../core/ids';
import { refusalOf } from './http-hygiene';
import { dialectOf } from './request-contexts';

/** Answers the request, errors included; a rejection costs the connection. */
type HotRoute = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Slow headers hold a connection no longer than this (slowloris). */
const HEADERS_TIMEOUT_MS = 10_000;
/** A request, not its answer, that takes longer to arrive holds a connection for nothing. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Longer than the idle timeout of common load balancers (60 s), so that they close first and no request is lost. */
const KEEP_ALIVE_MS = 65_000;

/**
 * Express for everything but the inference routes, which go straight from `node:http` to their Nest route: Express gives
 * every request and response a new prototype, which costs some 80 µs a request on Node 20 and 22. Neither Express
 * middleware nor Nest's own router runs on these routes: `serve` says what does.
 */
export class GatewayHttpAdapter extends ExpressAdapter {
  private readonly hotRoutes = new Map<string, HotRoute>();

  constructor(private readonly hotPaths: ReadonlySet<string>) {
    super();
  }

  override initHttpServer(options: NestApplicationOptions): void {
    const express = this.getInstance<http.RequestListener>();
    const listener: http.RequestListener = (request, response) => {
      const refusal = refusalOf(request);
      if (refusal !== null) {
        refuse(request, response, refusal);
        return;
      }
      const route = request.method === 'POST' ? this.hotRoutes.get(pathOf(request)) : undefined;
      if (!route) {
        express(request, response);
        return;
      }
      // An error filter that fails itself must cost this one request, not the process.
      route(request, response).catch(() => response.destroy());
    };
    const serverOptions: http.ServerOptions = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    };
    this.httpServer = options.httpsOptions
      ? https.createServer({ ...options.httpsOptions, ...serverOptions }, listener)
      : http.createServer(serverOptions, listener);
    if (options.forceCloseConnections) this.closeConnectionsWithServer();
  }

  /** What answers POST requests of a hot path. */
  serve(path: string, route: HotRoute): void {
    if (!this.hotPaths.has(path)) throw new Error(`${path} is not one of the hot paths`);
    this.hotRoutes.set(path, route);
  }

  // Nest registers each route once for its path; the hot ones are kept out of Express.
  override post(...parameters: unknown[]): ReturnType<ExpressAdapter['post']> {
    const [path] = parameters;
    if (typeof path === 'string' && this.hotPaths.has(path)) return this.getInstance();
    return (super.post as (...all: unknown[]) => ReturnType<ExpressAdapter['post']>)(...parameters);
  }

  /** A response of a hot route is Node's own, without Express's methods. */
  override status(response: ServerResponse, statusCode: number): unknown {
    response.statusCode = statusCode;
    return response;
  }

  private closeConnectionsWithServer(): void {
    const sockets = new Set<import('node:net').Socket>();
    const server = this.httpServer as http.Server;
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    const close = server.close.bind(server);
    server.close = (callback?: (error?: Error) => void) => {
      const closing = close(callback);
      for (const socket of sockets) socket.destroy();
      return closing;
    };
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '';
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** Answers in the dialect of the path, before anything of the application is asked. */
function refuse(request: IncomingMessage, response: ServerResponse, message: string): void {
  const requestId = newId('req', Date.now());
  const type = 'invalid_request_error';
  const isAnthropic = dialectOf(pathOf(request)) === 'anthropic';
  const body = JSON.stringify(
    isAnthropic
      ? { type: 'error', error: { type, message }, request_id: requestId }
      : { error: { message, type, param: null, code: type } },
  );
  response.writeHead(400, {
    'x-request-id': requestId,
    ...(isAnthropic ? { 'request-id': requestId } : {}),
    'x-should-retry': 'false',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-gateway-error-source': 'gateway',
    connection: 'close',
  });
  response.end(body);
}
