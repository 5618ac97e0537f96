import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { from, mergeMap, of, type Observable } from 'rxjs';
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
    const found = from(this.cache.lookup(this.contexts.from(execution)));
    return found.pipe(mergeMap((reply) => (reply === null ? next.handle() : of(reply))));
  }
}
