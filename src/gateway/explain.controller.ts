import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiKeyGuard } from '../access';
import { RequestContexts } from '../platform/http/request-contexts';
import { ExplainService } from './explain.service';
import { DocumentExplain } from './openapi/explain.docs';
import { RequestGuard } from './request.guard';
import { setGatewayHeaders } from './response-headers';

/** The same body as a chat call; the answer is what would be decided. */
@Controller()
export class ExplainController {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly explanations: ExplainService,
  ) {}

  @Post('/v1/explain')
  @HttpCode(200)
  @DocumentExplain()
  @UseGuards(ApiKeyGuard, RequestGuard)
  explain(@Req() request: IncomingMessage, @Res({ passthrough: true }) response: ServerResponse): Promise<object> {
    const context = this.contexts.of(request, response);
    setGatewayHeaders(context, response);
    context.outcome = { status: 200, errorCode: null };
    return this.explanations.explain(context, request.headers);
  }
}
