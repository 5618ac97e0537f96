import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Get, Param, Query, Req, Res, UseGuards } from '@nestjs/common';
import { ApiKeyGuard } from '../access';
import { KnownModels } from '../billing';
import { NotFoundError } from '../core/errors';
import { NO_FACTS, type ModelFacts } from '../core/model-facts';
import { RequestContexts } from '../platform/http/request-contexts';
import { ProviderRegistry } from '../providers';
import { InferenceRequests } from './inference-requests';
import { modelPage, type PageQuery } from './model-page';
import { DocumentModel, DocumentModels } from './openapi/models.docs';
import { setGatewayHeaders } from './response-headers';

/** A date every client can parse; the gateway does not know when a provider released a model. */
const CREATED_SECONDS = 1_704_067_200;
const CREATED_AT = '2024-01-01T00:00:00Z';

type Shape = (id: string, facts: ModelFacts) => object;

/** What is not known is left out. */
const known = (members: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));

const openAiModel: Shape = (id, { contextWindow, maxOutputTokens, capabilities }) => ({
  id,
  object: 'model',
  created: CREATED_SECONDS,
  owned_by: 'gateway',
  ...known({ context_window: contextWindow, max_output_tokens: maxOutputTokens, capabilities }),
});

/** With the names that Anthropic's own list has for the limits. */
const anthropicModel: Shape = (id, { contextWindow, maxOutputTokens }) => ({
  type: 'model',
  id,
  display_name: id,
  created_at: CREATED_AT,
  ...known({ max_input_tokens: contextWindow, max_tokens: maxOutputTokens }),
});

const isAnthropic = (request: IncomingMessage): boolean => request.headers['anthropic-version'] !== undefined;

/** The models a key may use, in the shape of the API the client speaks. */
@Controller('/v1/models')
@UseGuards(ApiKeyGuard)
export class ModelsController {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly requests: InferenceRequests,
    private readonly registry: ProviderRegistry,
    private readonly models: KnownModels,
  ) {}

  @Get()
  @DocumentModels()
  list(
    @Query() query: PageQuery,
    @Req() request: IncomingMessage,
    @Res({ passthrough: true }) response: ServerResponse,
  ): object {
    const names = this.namesFor(request, response);
    if (!isAnthropic(request))
      return { object: 'list', data: names.map((name) => openAiModel(name, this.factsOf(name))) };
    const page = modelPage(names, query);
    return {
      data: page.names.map((name) => anthropicModel(name, this.factsOf(name))),
      has_more: page.hasMore,
      first_id: page.names[0] ?? null,
      last_id: page.names.at(-1) ?? null,
    };
  }

  // The name may hold a slash (`provider/model`), so it is the rest of the path.
  @Get('*id')
  @DocumentModel()
  one(
    @Param('id') id: string | string[],
    @Req() request: IncomingMessage,
    @Res({ passthrough: true }) response: ServerResponse,
  ): object {
    const name = Array.isArray(id) ? id.join('/') : id;
    const context = this.contexts.of(request, response);
    setGatewayHeaders(context, response);
    if (!context.identity || !this.requests.mayUse(context.identity, name)) {
      throw new NotFoundError(
        `The model "${name.slice(0, 64)}" does not exist, or this key may not use it.`,
        'model_not_found',
        'model',
      );
    }
    return (isAnthropic(request) ? anthropicModel : openAiModel)(name, this.factsOf(name));
  }

  /** Of the target that is tried first. */
  private factsOf(name: string): ModelFacts {
    const target = this.registry.targetsOf(name)?.[0];
    return target ? this.models.factsOf(target) : NO_FACTS;
  }

  private namesFor(request: IncomingMessage, response: ServerResponse): string[] {
    const context = this.contexts.of(request, response);
    setGatewayHeaders(context, response);
    return context.identity ? this.requests.namesFor(context.identity) : [];
  }
}
