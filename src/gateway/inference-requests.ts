import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { LeakedKeys, modelAllowed } from '../access';
import { BudgetLadder, BudgetStepError } from '../billing';
import type { Dialect, InferenceRequest } from '../core/chat';
import type { GatewayContext, Identity } from '../core/context';
import { InvalidRequestError, NotFoundError, PermissionDeniedError } from '../core/errors';
import { JsonDocument } from '../core/json-document';
import { withModel } from '../core/other-model';
import { parseTraceparent } from '../core/trace-context';
import { endToEnd, ProviderRegistry, receivedTrail, refuseLoop } from '../providers';
import { parseMessages, parseTokenCount } from './dialects/anthropic/parse';
import { parseEmbeddings } from './dialects/embeddings/parse';
import { parseChatCompletions } from './dialects/openai/parse';
import { parseResponses } from './dialects/responses/parse';

/** Counts the tokens of a Messages request that is not sent. */
const TOKEN_COUNT_PATH = '/v1/messages/count_tokens';
const MAX_METADATA_ENTRIES = 16;
const MAX_METADATA_LENGTH = 256;
const MAX_TIMEOUT_MS = 86_400_000;

/** Makes a request out of a body: parses it once, checks that the key may use the model, and fixes its route. */
@Injectable()
export class InferenceRequests {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly leakedKeys: LeakedKeys,
    private readonly ladder: BudgetLadder,
  ) {}

  /** Fills the context's request, plan, time bound and metadata; throws `GatewayError` when the call may not be made. */
  open(context: GatewayContext, headers: IncomingHttpHeaders, body: Buffer): void {
    refuseLoop(headers);
    this.readTrace(context, headers);
    const request = parse(context, headers, JsonDocument.parse(body));
    this.leakedKeys.inspect(body);
    // Kept from here on, so that a refused request is on record with what it asked for.
    context.request = request;
    context.metadata = metadataOf(headers);
    context.timeoutMs = timeoutOf(headers);
    this.checkModel(context.identity, request.model);
    context.request = this.ladder.hasSteps ? this.degraded(context, request) : request;
    const { model } = context.request;
    const acquired = this.registry.acquire(model, {
      fallback: mayFallBack(headers),
      sameModel: request.dialect === 'embeddings',
    });
    if (!acquired) throw this.unknownModel(context.identity, model);
    context.defer(acquired.release);
    context.plan = acquired.plan;
    context.configVersion = acquired.configVersion;
    const { targets } = acquired.plan;
    context.decide('route', 'planned', {
      model,
      targets: targets.map(({ provider, model }) => `${provider}/${model}`),
    });
  }

  /** Whether the name is known, by itself or as `provider/model`, and this key may ask for it. */
  mayUse(identity: Identity, model: string): boolean {
    const targets = this.registry.targetsOf(model);
    return targets !== undefined && modelAllowed(identity, allowedNames(model, targets));
  }

  private readTrace(context: GatewayContext, headers: IncomingHttpHeaders): void {
    const { traceparent } = headers;
    if (traceparent === undefined) return;
    context.trace = parseTraceparent(String(traceparent));
    const { trace } = context;
    context.decide(
      'request',
      trace ? 'traced' : 'trace_ignored',
      trace ? { trace_id: trace.traceId, parent_id: trace.parentId } : {},
    );
  }

  /** The names a key may ask for. */
  namesFor(identity: Identity): string[] {
    return this.registry.modelNames.filter((name) => modelAllowed(identity, [name]));
  }

  /** The request as a budget that is nearly used up lets it through: for a cheaper model, or not at all. */
  private degraded(context: GatewayContext, request: InferenceRequest): InferenceRequest {
    const { identity } = context;
    const target = this.registry.targetsOf(request.model)?.[0];
    const verdict = identity && target && this.ladder.judge(identity, { ...target, requestedModel: request.model });
    if (!verdict) return request;
    const { step, budget, share, model } = verdict;
    context.decide('route', `budget_${step}`, { budget: budget.name, scope: budget.scope, share, model });
    if (step === 'block') throw new BudgetStepError(budget, share, step);
    const mayUse = model !== null && modelAllowed(identity, [model]) && this.registry.targetsOf(model) !== undefined;
    const cheaper = step === 'cheaper' && mayUse && model !== request.model ? withModel(request, model) : undefined;
    if (!cheaper) return request;
    context.askedModel = request.model;
    return cheaper;
  }

  private checkModel(identity: Identity | undefined, model: string): void {
    if (!identity) throw new Error('ApiKeyGuard has not run');
    const targets = this.registry.targetsOf(model);
    if (!targets) throw this.unknownModel(identity, model);
    if (modelAllowed(identity, allowedNames(model, targets))) return;
    throw new PermissionDeniedError(
      `This API key may not use model "${model}". GET /v1/models lists what it may use.`,
      'model_not_allowed',
      'model',
    );
  }

  private unknownModel(identity: Identity | undefined, model: string): NotFoundError {
    const near = identity ? this.registry.suggest(model, this.namesFor(identity)) : [];
    const hint = near.length > 0 ? ` Near names: ${near.join(', ')}.` : '';
    return new NotFoundError(`The model "${model.slice(0, 64)}" does not exist.${hint}`, 'model_not_found', 'model');
  }
}

/** `provider/model` is allowed where the model itself is. */
const allowedNames = (model: string, targets: readonly { readonly model: string }[]): string[] =>
  model.includes('/') ? [model, ...targets.map((target) => target.model)] : [model];

type Parser = (document: JsonDocument, headers: Readonly<Record<string, string>>) => InferenceRequest;

const PARSERS: Readonly<Record<Dialect, Parser>> = {
  openai: parseChatCompletions,
  anthropic: parseMessages,
  responses: parseResponses,
  embeddings: parseEmbeddings,
};

function parse(context: GatewayContext, headers: IncomingHttpHeaders, document: JsonDocument): InferenceRequest {
  const parseBody = context.endpoint === TOKEN_COUNT_PATH ? parseTokenCount : PARSERS[context.dialect];
  const forwardable = endToEnd(headers);
  const forwarded = receivedTrail(forwardable);
  // The client's `anthropic-*` headers, which go to Anthropic untouched.
  for (const [name, value] of Object.entries(forwardable)) {
    if (name.startsWith('anthropic-') && value !== undefined) forwarded[name] = String(value);
  }
  return parseBody(document, forwarded);
}

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> | undefined {
  const text = headers['x-gateway-metadata'];
  if (text === undefined) return undefined;
  const entries = parseMetadata(String(text));
  const isValid =
    entries !== null &&
    entries.length <= MAX_METADATA_ENTRIES &&
    entries.every(([key, value]) => typeof value === 'string' && key.length + value.length <= MAX_METADATA_LENGTH);
  if (isValid) return Object.fromEntries(entries) as Record<string, string>;
  throw new InvalidRequestError(
    `The header x-gateway-metadata must be a JSON object of at most ${MAX_METADATA_ENTRIES} short strings.`,
    'x-gateway-metadata',
  );
}

function parseMetadata(text: string): [string, unknown][] | null {
  try {
    return Object.entries(JsonDocument.parse(Buffer.from(text)).value);
  } catch {
    return null;
  }
}

function mayFallBack(headers: IncomingHttpHeaders): boolean {
  const text = headers['x-gateway-fallback'];
  if (text === undefined) return true;
  const value = String(text).trim().toLowerCase();
  if (value === 'off' || value === 'on') return value === 'on';
  throw new InvalidRequestError('The header x-gateway-fallback must be "off" or "on".', 'x-gateway-fallback');
}

function timeoutOf(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['x-gateway-timeout-ms'];
  if (text === undefined) return undefined;
  const milliseconds = Number(text);
  if (Number.isInteger(milliseconds) && milliseconds >= 1 && milliseconds <= MAX_TIMEOUT_MS) return milliseconds;
  throw new InvalidRequestError(
    `The header x-gateway-timeout-ms must be a whole number of milliseconds from 1 to ${MAX_TIMEOUT_MS}.`,
    'x-gateway-timeout-ms',
  );
}
