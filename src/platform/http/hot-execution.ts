import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ContextType, ExecutionContext, Type } from '@nestjs/common';

type HttpArguments = ReturnType<ExecutionContext['switchToHttp']>;

/** The handler of a route and its class, as decorators find them. */
export interface RouteHandler {
  readonly controller: Type;
  readonly method: (...parameters: never[]) => unknown;
}

/** Nest's execution context of a hot route. Nest's own makes three functions at every `switchToHttp`. */
export class HotExecution implements ExecutionContext, HttpArguments {
  constructor(
    private readonly route: RouteHandler,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {}

  getRequest<T>(): T {
    return this.request as T;
  }

  getResponse<T>(): T {
    return this.response as T;
  }

  getNext<T>(): T {
    throw new Error('Nothing comes after an inference route');
  }

  switchToHttp(): HttpArguments {
    return this;
  }

  getClass<T>(): Type<T> {
    return this.route.controller as Type<T>;
  }

  getHandler(): (...parameters: never[]) => unknown {
    return this.route.method;
  }

  getArgs<T extends unknown[]>(): T {
    return [this.request, this.response] as unknown as T;
  }

  getArgByIndex<T>(index: number): T {
    return this.getArgs()[index] as T;
  }

  getType<TContext extends string = ContextType>(): TContext {
    return 'http' as TContext;
  }

  switchToRpc(): never {
    throw new Error('This is an HTTP route');
  }

  switchToWs(): never {
    throw new Error('This is an HTTP route');
  }
}
