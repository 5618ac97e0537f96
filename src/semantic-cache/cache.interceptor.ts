import type { IncomingMessage } from 'node:http';
import { Injectable, type ExecutionContext } from '@nestjs/common';
import type { ChatReply } from '../core/reply';
import { ReplyInterceptor } from '../platform/http/reply-interceptor';
import { RequestContexts } from '../platform/http/request-contexts';
import { CacheService } from './cache.service';

/** Answers from the cache when it can. */
@Injectable()
export class CacheInterceptor extends ReplyInterceptor {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly cache: CacheService,
  ) {
    super();
  }

  override foresee(execution: ExecutionContext): true {
    const { headers } = execution.switchToHttp().getRequest<IncomingMessage>();
    this.cache.foresee(this.contexts.from(execution), headers);
    return true;
  }

  override around(execution: ExecutionContext, next: () => Promise<ChatReply>): Promise<ChatReply> {
    if (!this.cache.isEnabled) return next();
    const { headers } = execution.switchToHttp().getRequest<IncomingMessage>();
    const context = this.contexts.from(execution);
    return this.cache.answer(context, headers, next);
  }
}
