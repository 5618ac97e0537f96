import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type CanActivate, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { GUARDS_METADATA, INTERCEPTORS_METADATA, PATH_METADATA } from '@nestjs/common/constants';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { PermissionDeniedError } from '../core/errors';
import type { ChatReply } from '../core/reply';
import { GatewayHttpAdapter } from '../platform/http/gateway-http.adapter';
import { HotExecution, type RouteHandler } from '../platform/http/hot-execution';
import { RequestContexts } from '../platform/http/request-contexts';
import type { ReplyInterceptor } from '../platform/http/reply-interceptor';
import { ChatController } from './chat.controller';
import { EmbeddingsController } from './embeddings.controller';
import { ErrorFilter } from './error.filter';
import { ReplyWriter } from './reply-writer';
import { ResponsesController } from './responses.controller';
import { TokenCountController } from './token-count.controller';

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<ChatReply>;

interface InferenceStages extends RouteHandler {
  readonly guards: readonly CanActivate[];
  readonly interceptors: readonly ReplyInterceptor[];
  readonly handler: Handler;
}

const CONTROLLERS: readonly Type<object>[] = [
  ChatController,
  ResponsesController,
  EmbeddingsController,
  TokenCountController,
];

/**
 * Runs the inference routes: the guards and interceptors of their decorators, in that order, then the controller, the
 * reply writer, and for errors the filter. Nest's own way through a route goes over Observables and costs about a fifth of
 * a request, so these few routes do without it.
 */
@Injectable()
export class InferencePipeline implements OnApplicationBootstrap {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly modules: ModuleRef,
    private readonly contexts: RequestContexts,
    private readonly writer: ReplyWriter,
    private readonly filter: ErrorFilter,
  ) {}

  onApplicationBootstrap(): void {
    const adapter: unknown = this.host.httpAdapter;
    // Only the documents are made without a server.
    if (!(adapter instanceof GatewayHttpAdapter)) return;
    for (const controller of CONTROLLERS) {
      for (const [path, stages] of this.routesOf(controller)) {
        adapter.serve(path, (request, response) => this.run(stages, request, response));
      }
    }
  }

  /** Never rejects: the filter answers every error. */
  private async run(stages: InferenceStages, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const execution = new HotExecution(stages, request, response);
    try {
      const last = stages.guards.at(-1);
      for (const guard of stages.guards) {
        const answer = guard.canActivate(execution);
        if (guard === last && typeof answer !== 'boolean') foresee(stages, execution);
        const isAdmitted = typeof answer === 'boolean' ? answer : await answer;
        if (isAdmitted !== true) throw new PermissionDeniedError('This request is not allowed.');
      }
      const reply = await this.replyFrom(stages, execution, 0);
      await this.writer.write(this.contexts.from(execution), response, reply);
    } catch (error) {
      // oxlint-disable-next-line promise/valid-params -- it is no promise
      this.filter.catch(error, execution);
    }
  }

  /** Not `async`: each interceptor would cost a promise more. */
  private replyFrom(stages: InferenceStages, execution: HotExecution, depth: number): Promise<ChatReply> {
    const interceptor = stages.interceptors[depth];
    try {
      if (!interceptor) return stages.handler(execution.getRequest(), execution.getResponse());
      return interceptor.around(execution, () => this.replyFrom(stages, execution, depth + 1));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private *routesOf(controller: Type<object>): Iterable<[path: string, stages: InferenceStages]> {
    const instance = this.modules.get(controller);
    const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors<Record<string, unknown>>(
      controller.prototype,
    );
    for (const { value } of Object.values(methods)) {
      const method = value as Handler;
      const path = Reflect.getMetadata(PATH_METADATA, method) as string | undefined;
      if (path === undefined) continue;
      const handler: Handler = (request, response) => method.call(instance, request, response);
      const guards = this.instancesOf<CanActivate>(GUARDS_METADATA, method);
      const interceptors = this.instancesOf<ReplyInterceptor>(INTERCEPTORS_METADATA, method);
      yield [path, { controller, method, handler, guards, interceptors }];
    }
  }

  private instancesOf<T>(decorator: string, method: object): T[] {
    const types = (Reflect.getMetadata(decorator, method) ?? []) as Type<T>[];
    return types.map((type) => this.modules.get<T>(type, { strict: false }));
  }
}

/** The limits are asked for, and the interceptors' own questions with them: a round trip less for each request. */
function foresee({ interceptors }: InferenceStages, execution: HotExecution): void {
  try {
    interceptors.every((interceptor) => interceptor.foresee(execution));
  } catch {
    // Whoever fails here fails in his turn, and is answered for then; the guard's own promise must not be left alone.
  }
}
