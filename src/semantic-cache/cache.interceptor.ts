import type { IncomingMessage } from 'node:http';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { defer, lastValueFrom, type Observable } from 'rxjs';
import type { ChatReply } from '../core/reply';
import { RequestContexts } from '../platform/http/request-contexts';
import { CacheService } from './cache.service';

/** Answers from the cache when it can. */
@Injectable()
export class CacheInterceptor implements NestInterceptor<ChatReply, ChatReply> {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly cache: CacheService,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler<ChatReply>): Observable<ChatReply> {
    if (!this.cache.isEnabled) return next.handle();
    const { headers } = execution.switchToHttp().getRequest<IncomingMessage>();
    const context = this.contexts.from(execution);
    return defer(() => this.cache.answer(context, headers, () => lastValueFrom(next.handle())));
  }
}
