import type { ServerResponse } from 'node:http';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { mergeMap, type Observable } from 'rxjs';
import type { ChatReply } from '../core/reply';
import { RequestContexts } from '../platform/http/request-contexts';
import { ReplyWriter } from './reply-writer';

/** Hands the answer to the writer, whoever made it: the cache or a provider. */
@Injectable()
export class ReplyInterceptor implements NestInterceptor<ChatReply, void> {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly writer: ReplyWriter,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler<ChatReply>): Observable<void> {
    const context = this.contexts.from(execution);
    const response = execution.switchToHttp().getResponse<ServerResponse>();
    return next.handle().pipe(mergeMap((reply) => this.writer.write(context, response, reply)));
  }
}
