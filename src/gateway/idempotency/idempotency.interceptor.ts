import type { IncomingMessage } from 'node:http';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { defer, lastValueFrom, type Observable } from 'rxjs';
import type { ChatReply } from '../../core/reply';
import { RequestContexts } from '../../platform/http/request-contexts';
import { IdempotencyService } from './idempotency.service';
import { keyedRequest } from './idempotency-key';

/** Requests with one `idempotency-key` get one answer and are charged once. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor<ChatReply, ChatReply> {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly service: IdempotencyService,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler<ChatReply>): Observable<ChatReply> {
    const { headers } = execution.switchToHttp().getRequest<IncomingMessage>();
    const context = this.contexts.from(execution);
    const keyed = keyedRequest(context, headers);
    if (!keyed) return next.handle();
    return defer(() => this.service.answer(context, keyed, () => lastValueFrom(next.handle())));
  }
}
