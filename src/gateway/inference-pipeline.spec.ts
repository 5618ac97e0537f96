import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ArgumentsHost, ExecutionContext, Type } from '@nestjs/common';
import { HttpAdapterHost, type ModuleRef } from '@nestjs/core';
import { lastValueFrom, of } from 'rxjs';
import { ApiKeyGuard } from '../access';
import { CostInterceptor } from '../billing';
import { PermissionDeniedError } from '../core/errors';
import type { ChatReply } from '../core/reply';
import { GatewayHttpAdapter } from '../platform/http/gateway-http.adapter';
import { ReplyInterceptor } from '../platform/http/reply-interceptor';
import type { RequestContexts } from '../platform/http/request-contexts';
import type { ErrorFilter } from './error.filter';
import { InferencePipeline } from './inference-pipeline';
import type { ReplyWriter } from './reply-writer';

type Serve = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const HOT = ['/v1/chat/completions', '/v1/messages', '/v1/messages/count_tokens', '/v1/responses', '/v1/embeddings'];
const REQUEST = {} as IncomingMessage;
const RESPONSE = {} as ServerResponse;
const REPLY = { kind: 'json' } as ChatReply;

/** The pipeline over parts that write down when they are asked; `replaced` says what some of them do instead. */
function setUp(replaced: Readonly<Record<string, () => unknown>> = {}) {
  const asked: string[] = [];
  const routes = new Map<string, Serve>();
  const adapter = new GatewayHttpAdapter(new Set(HOT));
  jest.spyOn(adapter, 'serve').mockImplementation((path, route) => void routes.set(path, route));
  const partOf = ({ name }: Type): object => {
    const note = (): unknown => (asked.push(name), replaced[name]?.());
    const handler = (): Promise<ChatReply> => (note(), Promise.resolve(REPLY));
    return {
      canActivate: () => note() ?? true,
      foresee: () => (asked.push(`${name} foresees`), replaced[`${name} foresees`]?.() ?? true),
      around: (_: ExecutionContext, next: () => Promise<ChatReply>) => note() ?? next(),
      // What the controllers ask.
      contexts: { of: () => 'context' },
      dispatcher: { chat: handler },
      counter: { count: handler },
    };
  };
  const modules = { get: partOf } as unknown as ModuleRef;
  const host = new HttpAdapterHost();
  host.httpAdapter = adapter;
  const contexts = { from: () => 'context' } as unknown as RequestContexts;
  const written: unknown[] = [];
  const writer = { write: async (...all: unknown[]) => void written.push(all) } as unknown as ReplyWriter;
  const failed: unknown[] = [];
  const filter = {
    catch: (error: unknown, at: ArgumentsHost) => failed.push([error, at.switchToHttp().getResponse()]),
  };
  new InferencePipeline(host, modules, contexts, writer, filter as unknown as ErrorFilter).onApplicationBootstrap();
  return { asked, routes, written, failed };
}

describe('InferencePipeline', () => {
  it.each([
    ['/v1/chat/completions', 'ChatController'],
    ['/v1/messages', 'ChatController'],
    ['/v1/responses', 'ResponsesController'],
    ['/v1/embeddings', 'EmbeddingsController'],
  ])('takes %s through guards, interceptors and controller, in this order', async (path, controller) => {
    const { asked, routes, written, failed } = setUp();
    await routes.get(path)!(REQUEST, RESPONSE);
    expect(asked).toEqual([
      'ApiKeyGuard',
      'RequestGuard',
      'RateLimitGuard',
      'IdempotencyInterceptor',
      'CacheInterceptor',
      'CostInterceptor',
      controller,
    ]);
    expect(written).toEqual([['context', RESPONSE, REPLY]]);
    expect(failed).toEqual([]);
  });

  it('counts tokens without opening a ledger, and serves all hot paths', async () => {
    const { asked, routes } = setUp();
    expect([...routes.keys()].sort()).toEqual([...HOT].sort());
    await routes.get('/v1/messages/count_tokens')!(REQUEST, RESPONSE);
    expect(asked).toEqual(['ApiKeyGuard', 'RequestGuard', 'RateLimitGuard', 'TokenCountController']);
  });

  it('tells the interceptors when the last guard waits, and only then', async () => {
    const order = async (part: string, does: () => unknown, more: object = {}): Promise<string[]> => {
      const { asked, routes } = setUp({ [part]: does, ...more });
      await routes.get('/v1/chat/completions')!(REQUEST, RESPONSE);
      return asked;
    };
    const told = ['IdempotencyInterceptor', 'CacheInterceptor', 'CostInterceptor'].map((name) => `${name} foresees`);
    const admitted = await order('RateLimitGuard', () => Promise.resolve(true));
    expect(admitted.slice(2, 7)).toEqual(['RateLimitGuard', ...told, 'IdempotencyInterceptor']);
    const refused = await order('RateLimitGuard', () => Promise.reject(new RangeError()));
    expect(refused.slice(2)).toEqual(['RateLimitGuard', ...told]);
    const waiting = (): Promise<never> => Promise.reject(new RangeError());
    const holding = await order('RateLimitGuard', waiting, { 'IdempotencyInterceptor foresees': () => false });
    expect(holding.slice(2)).toEqual(['RateLimitGuard', told[0]]);
    // What fails then leaves no promise of the guard without somebody who waits for it.
    expect((await order('RateLimitGuard', waiting, { 'CacheInterceptor foresees': thrower })).at(-1)).toBe(told[1]);
    expect(await order('RequestGuard', () => Promise.resolve(true))).not.toContain(told[1]);
    expect(await order('RateLimitGuard', thrower)).not.toContain(told[1]);
  });

  it.each([
    ['a guard that says no', ApiKeyGuard.name, () => false, PermissionDeniedError],
    ['a guard that says no later', ApiKeyGuard.name, () => Promise.resolve(false), PermissionDeniedError],
    ['a guard that throws', ApiKeyGuard.name, thrower, RangeError],
    ['an interceptor that throws', CostInterceptor.name, thrower, RangeError],
    ['an interceptor that rejects', CostInterceptor.name, () => Promise.reject(new RangeError()), RangeError],
    ['a controller that throws', 'ChatController', thrower, RangeError],
  ])('answers for %s by the filter', async (_, part, does, expected) => {
    const { asked, routes, written, failed } = setUp({ [part]: does });
    await routes.get('/v1/chat/completions')!(REQUEST, RESPONSE);
    expect(failed).toEqual([[expect.any(expected), RESPONSE]]);
    expect(written).toEqual([]);
    expect(asked.at(-1)).toBe(part);
  });
});

function thrower(): never {
  throw new RangeError();
}

describe('ReplyInterceptor', () => {
  class Twice extends ReplyInterceptor {
    override async around(_: ExecutionContext, next: () => Promise<ChatReply>): Promise<ChatReply> {
      return { ...(await next()), model: 'twice' };
    }
  }

  it('is an interceptor for Nest as well', async () => {
    const handle = () => of(REPLY);
    const reply = await lastValueFrom(new Twice().intercept({} as ExecutionContext, { handle }));
    expect(reply).toEqual({ ...REPLY, model: 'twice' });
  });
});
