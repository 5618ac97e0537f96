import type { IncomingMessage } from 'node:http';
import { Injectable, type ExecutionContext } from '@nestjs/common';
import type { ChatReply } from '../../core/reply';
import { ReplyInterceptor } from '../../platform/http/reply-interceptor';
import { RequestContexts } from '../../platform/http/request-contexts';
import { IdempotencyService } from './idempotency.service';
import { isKeyed, keyedRequest } from './idempotency-key';

/** Requests with one `idempotency-key` get one answer and are charged once. */
@Injectable()
export class IdempotencyInterceptor extends ReplyInterceptor {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly service: IdempotencyService,
  ) {
    super();
  }

  /** A request with a key may wait for another one, and then ask much later, or not at all. */
  override foresee(execution: ExecutionContext): boolean {
    return !isKeyed(execution.switchToHttp().getRequest<IncomingMessage>().headers);
  }

  override around(execution: ExecutionContext, next: () => Promise<ChatReply>): Promise<ChatReply> {
    const { headers } = execution.switchToHttp().getRequest<IncomingMessage>();
    const context = this.contexts.from(execution);
    const keyed = keyedRequest(context, headers);
    if (!keyed) return next();
    return this.service.answer(context, keyed, next);
  }
}
