import { Controller, Post, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ChatReply } from '../core/reply';
import { RequestContexts } from '../platform/http/request-contexts';
import { Dispatcher } from '../providers';
import { InferenceRoute } from './inference-route.decorator';
import { DocumentEmbeddings } from './openapi/embeddings.docs';

/** OpenAI's Embeddings API. */
@Controller()
export class EmbeddingsController {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly dispatcher: Dispatcher,
  ) {}

  @Post('/v1/embeddings')
  @DocumentEmbeddings()
  @InferenceRoute()
  create(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<ChatReply> {
    return this.dispatcher.chat(this.contexts.of(request, response));
  }
}
