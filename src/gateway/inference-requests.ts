import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { LeakedKeys, modelAllowed } from '../access';
import type { Dialect, InferenceRequest } from '../core/chat';
import type { GatewayContext, Identity } from '../core/context';
import { InvalidRequestError, NotFoundError, PermissionDeniedError } from '../core/errors';
import { JsonDocument } from '../core/json-document';
import { ProviderRegistry, receivedHops, refuseLoop } from '../providers';
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
  ) {}

  /** Fills the context's request, plan, time bound and metadata; throws `GatewayError` when the call may not be made. */
  open(context: GatewayContext, headers: IncomingHttpHeaders, body: Buffer): void {
    refuseLoop(headers);
    const request = parse(context, headers, JsonDocument.parse(body));
    this.leakedKeys.inspect(body);
    // Kept from here on, so that a refused request is on record with what it asked for.
    context.request = request;
    context.metadata = metadataOf(headers);
    context.timeoutMs = timeoutOf(headers);
    this.checkModel(context.identity, request.model);
    const acquired = this.registry.acquire(request.model, {
      fallback: headers['x-gateway-fallback'] !== 'off',
      sameModel: request.dialect === 'embeddings',
    });
    if (!acquired) throw this.unknownModel(context.identity, request.model);
    context.defer(acquired.release);
    context.plan = acquired.plan;
    context.configVersion = acquired.configVersion;
    const { targets } = acquired.plan;
    context.decide('route', 'planned', {
      model: request.model,
      targets: targets.map(({ provider, model }) => `${provider}/${model}`),
    });
  }

  /** The names a key may ask for. */
  namesFor(identity: Identity): string[] {
    return this.registry.modelNames.filter((name) => modelAllowed(identity, [name]));
  }

  private checkModel(identity: Identity | undefined, model: string): void {
    if (!identity) throw new Error('ApiKeyGuard has not run');
    const targets = this.registry.targetsOf(model);
    if (!targets) throw this.unknownModel(identity, model);
    // `provider/model` is allowed where the model itself is.
    const names = model.includes('/') ? [model, ...targets.map((target) => target.model)] : [model];
    if (modelAllowed(identity, names)) return;
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

type Parser = (document: JsonDocument, headers: Readonly<Record<string, string>>) => InferenceRequest;

const PARSERS: Readonly<Record<Dialect, Parser>> = {
  openai: parseChatCompletions,
  anthropic: parseMessages,
  responses: parseResponses,
  embeddings: parseEmbeddings,
};

function parse(context: GatewayContext, headers: IncomingHttpHeaders, document: JsonDocument): InferenceRequest {
  const parseBody = context.endpoint === TOKEN_COUNT_PATH ? parseTokenCount : PARSERS[context.dialect];
  return parseBody(document, { ...receivedHops(headers), ...anthropicHeaders(headers) });
}

/** The client's `anthropic-*` headers, which go to Anthropic untouched. */
function anthropicHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('anthropic-') && value !== undefined) forwarded[name] = String(value);
  }
  return forwarded;
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
