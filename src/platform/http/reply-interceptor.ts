import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { defer, lastValueFrom, type Observable } from 'rxjs';
import type { ChatReply } from '../../core/reply';

/**
 * An interceptor of an inference route: stands around what makes the answer. The inference pipeline calls `around`, which
 * needs no Observable (four interceptors cost a fifth of a request that way); anywhere else it works as any interceptor.
 */
export abstract class ReplyInterceptor implements NestInterceptor<ChatReply, ChatReply> {
  /** The answer: what `next` gives, or another. May throw; `next` never throws, it rejects. */
  abstract around(execution: ExecutionContext, next: () => Promise<ChatReply>): Promise<ChatReply>;

  /**
   * Told while the last guard still waits, when the inference pipeline runs the route: time to begin what changes nothing
   * should the request be refused. False when those behind this one must not begin yet, because it may hold the request up.
   */
  foresee(_execution: ExecutionContext): boolean {
    return true;
  }

  intercept(execution: ExecutionContext, next: CallHandler<ChatReply>): Observable<ChatReply> {
    return defer(() => this.around(execution, () => lastValueFrom(next.handle())));
  }
}
