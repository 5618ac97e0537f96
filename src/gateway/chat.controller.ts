import { Controller, Post, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ChatReply } from '../core/reply';
import { RequestContexts } from '../platform/http/request-contexts';
import { Dispatcher } from '../providers';
import { InferenceRoute } from './inference-route.decorator';
import { DocumentChatCompletions, DocumentMessages } from './openapi/inference.docs';

/** Chat, in both dialects. What a method returns, the pipeline hands to the reply writer. */
@Controller()
export class ChatController {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly dispatcher: Dispatcher,
  ) {}

  @Post('/v1/chat/completions')
  @DocumentChatCompletions()
  @InferenceRoute()
  chatCompletions(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<ChatReply> {
    return this.dispatcher.chat(this.contexts.of(request, response));
  }

  @Post('/v1/messages')
  @DocumentMessages()
  @InferenceRoute()
  messages(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<ChatReply> {
    return this.dispatcher.chat(this.contexts.of(request, response));
  }
}
