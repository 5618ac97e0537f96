import { Controller, Post, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonReply } from '../core/reply';
import { RequestContexts } from '../platform/http/request-contexts';
import { TokenCounter } from '../providers';
import { FreeRoute } from './inference-route.decorator';
import { DocumentTokenCount } from './openapi/token-count.docs';

/** How many tokens a Messages request has, before it is sent. */
@Controller()
export class TokenCountController {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly counter: TokenCounter,
  ) {}

  @Post('/v1/messages/count_tokens')
  @DocumentTokenCount()
  @FreeRoute()
  count(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<JsonReply> {
    return this.counter.count(this.contexts.of(request, response));
  }
}
