import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import type { Dialect } from '../../core/chat';
import { GatewayContext } from '../../core/context';
import type { GatewayError } from '../../core/errors';
import { newId } from '../../core/ids';
import { LiveList } from '../../core/live-list';
import { Clock } from '../clock';

const CONTEXT = Symbol('gateway context');

interface Carrier extends IncomingMessage {
  [CONTEXT]?: GatewayContext;
}

const DIALECT_ROOTS: readonly (readonly [string, Dialect])[] = [
  ['/v1/messages', 'anthropic'],
  ['/v1/responses', 'responses'],
  ['/v1/embeddings', 'embeddings'],
];

/** The dialect a path speaks; what belongs to no other API is Chat Completions'. */
export function dialectOf(path: string): Dialect {
  const root = DIALECT_ROOTS.find(([prefix]) => path.startsWith(prefix) && /^($|[/?])/.test(path.slice(prefix.length)));
  return root?.[1] ?? 'openai';
}

/** Opens the context of a request on first use and closes it with the response. */
@Injectable()
export class RequestContexts {
  private readonly logger = new Logger(RequestContexts.name);
  /** As many as there are connections with a request. */
  private readonly running = new LiveList<GatewayContext>();

  constructor(private readonly clock: Clock) {}

  of(request: IncomingMessage, response: ServerResponse): GatewayContext {
    const carrier: Carrier = request;
    const known = carrier[CONTEXT];
    if (known) return known;
    const now = this.clock.now();
    const path = pathOf(request);
    const context = new GatewayContext({
      requestId: newId('req', now),
      dialect: isAnthropicModels(path, request) ? 'anthropic' : dialectOf(path),
      endpoint: path,
      startedAtMs: now,
      monotonic: () => this.clock.monotonic(),
      onDeferredError: (error) => this.logger.error(error),
    });
    carrier[CONTEXT] = context;
    if (response.destroyed || response.writableFinished) {
      context.close();
      return context;
    }
    const ended = this.running.add(context);
    response.once('close', () => {
      ended();
      context.leave();
    });
    return context;
  }

  /** Ends every request that runs with this error, in its own dialect; returns how many there were. */
  interruptAll(error: GatewayError): number {
    for (const context of this.running) context.interrupt(error);
    return this.running.size;
  }

  /** The context of the request a guard or an interceptor is called for. */
  from(execution: ExecutionContext): GatewayContext {
    const http = execution.switchToHttp();
    return this.of(http.getRequest<IncomingMessage>(), http.getResponse<ServerResponse>());
  }
}

/** The list of models is both APIs': the client's version header tells which one is spoken. */
const isAnthropicModels = (path: string, request: IncomingMessage): boolean =>
  (path === '/v1/models' || path.startsWith('/v1/models/')) && request.headers['anthropic-version'] !== undefined;

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
