import { Controller, Post, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ChatReply } from '../core/reply';
import { RequestContexts } from '../platform/http/request-contexts';
import { Dispatcher } from '../providers';
import { InferenceRoute } from './inference-route.decorator';
import { DocumentResponses } from './openapi/responses.docs';

/** OpenAI's Responses API. Stateless: an answer is not kept, so there are no routes to fetch one. */
@Controller()
export class ResponsesController {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly dispatcher: Dispatcher,
  ) {}

  @Post('/v1/responses')
  @DocumentResponses()
  @InferenceRoute()
  create(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<ChatReply> {
    return this.dispatcher.chat(this.contexts.of(request, response));
  }
}
