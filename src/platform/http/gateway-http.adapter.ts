import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { NestApplicationOptions } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { refusalOf } from './http-hygiene';

type RouteCallback = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => unknown;

/** Slow headers hold a connection no longer than this (slowloris). */
const HEADERS_TIMEOUT_MS = 10_000;
/** Longer than the idle timeout of common load balancers (60 s), so that they close first and no request is lost. */
const KEEP_ALIVE_MS = 65_000;

/**
 * Express for everything but the inference routes, which go straight from `node:http` to their Nest route: Express gives
 * every request and response a new prototype, which costs some 80 µs a request on Node 20 and 22. Guards, interceptors
 * and filters run in both cases; Express middleware does not run on these routes.
 */
export class GatewayHttpAdapter extends ExpressAdapter {
  private readonly hotRoutes = new Map<string, RouteCallback>();

  constructor(private readonly hotPaths: ReadonlySet<string>) {
    super();
  }

  override initHttpServer(options: NestApplicationOptions): void {
    const express = this.getInstance<http.RequestListener>();
    const listener: http.RequestListener = (request, response) => {
      if (refusalOf(request)) {
        refuse(response, refusalOf(request) ?? '');
        return;
      }
      const route = request.method === 'POST' ? this.hotRoutes.get(pathOf(request)) : undefined;
      if (!route) {
        express(request, response);
        return;
      }
      void route(request, response, () => refuse(response, 'unhandled'));
    };
    const serverOptions: http.ServerOptions = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: 0,
    };
    this.httpServer = options.httpsOptions
      ? https.createServer({ ...options.httpsOptions, ...serverOptions }, listener)
      : http.createServer(serverOptions, listener);
    if (options.forceCloseConnections) this.closeConnectionsWithServer();
  }

  // Nest registers each route once for its path; the hot ones are kept out of Express.
  override post(...parameters: unknown[]): ReturnType<ExpressAdapter['post']> {
    const [path, callback] = parameters;
    if (typeof path === 'string' && typeof callback === 'function' && this.hotPaths.has(path)) {
      this.hotRoutes.set(path, callback as RouteCallback);
      return this.getInstance();
    }
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

function refuse(response: ServerResponse, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = JSON.stringify({
    error: { message, type: 'invalid_request_error', param: null, code: 'invalid_request_error' },
  });
  response.writeHead(400, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-gateway-error-source': 'gateway',
    connection: 'close',
  });
  response.end(body);
}
