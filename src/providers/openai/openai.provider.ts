import OpenAI from 'openai';
import { abortSignalOf } from '../../core/cancel-signal';
import type { Dialect, JsonObject } from '../../core/chat';
import type { ChatReply, JsonReply } from '../../core/reply';
import { Provider, timeoutsOf, type ProviderCall, type ProviderSettings } from '../provider';
import { receivedTrail } from '../upstream/outbound-headers';
import { sdkExchange, sdkFetch } from '../upstream/sdk-fetch';
import { ProviderStreamReply } from '../upstream/stream-reply';
import { UpstreamClient } from '../upstream/upstream-client';
import type { PhaseTimeouts, UpstreamExchange } from '../upstream/upstream-exchange';
import { brokenReply, readJson, readStream, requireSuccess } from '../upstream/read-reply';
import { completionFinish, OpenAiStreamReader, openAiUsage } from './from-openai';
import { readEmbeddings } from './from-openai-embeddings';
import { readResponse, ResponsesStreamReader } from './from-openai-responses';
import { leftOut, nativeOpenAiBody, toOpenAi } from './to-openai';

const PUBLIC_BASE_URL = 'https://api.openai.com/v1';
/** An unset key: a compatible server on a private network may need none, and the SDK insists on one. */
const NO_KEY = 'none';

export interface OpenAiTraits {
  readonly type: string;
  readonly usesMaxTokens: boolean;
  readonly speaksResponses: boolean;
}

/** Where a request of each dialect goes that is passed on as it is. */
const NATIVE_PATHS: Readonly<Partial<Record<Dialect, string>>> = {
  openai: '/chat/completions',
  responses: '/responses',
  embeddings: '/embeddings',
};

/** OpenAI's own API, and whatever speaks its Chat Completions. */
export class OpenAiProvider extends Provider {
  override readonly name: string;
  override readonly type: string;
  override readonly baseUrl: string;
  private readonly upstream: UpstreamClient;

  constructor(
    private readonly settings: ProviderSettings,
    private readonly traits: OpenAiTraits = { type: 'openai', usesMaxTokens: false, speaksResponses: true },
  ) {
    super();
    this.name = settings.name;
    this.type = traits.type;
    this.baseUrl = withVersionPath(settings.baseUrl ?? PUBLIC_BASE_URL);
    this.upstream = new UpstreamClient({
      provider: settings.name,
      baseUrl: this.baseUrl,
      allowPrivateNetwork: settings.allowPrivateNetwork,
      connectTimeoutMs: settings.connectTimeoutMs,
      maxConcurrency: settings.maxConcurrency,
    });
  }

  override get activeCalls(): number {
    return this.upstream.activeCalls;
  }

  override speaks(dialect: Dialect): boolean {
    if (dialect === 'responses') return this.traits.speaksResponses;
    return NATIVE_PATHS[dialect] !== undefined;
  }

  override close(): Promise<void> {
    return this.upstream.close();
  }

  override async chat(call: ProviderCall): Promise<ChatReply> {
    const { request } = call;
    const timeouts = timeoutsOf(this.settings, request.stream, call.remainingMs);
    const path = this.speaks(request.dialect) ? NATIVE_PATHS[request.dialect] : undefined;
    const exchange =
      path === undefined ? await this.sendTranslated(call, timeouts) : this.sendNative(call, path, timeouts);
    return this.read(exchange, call, path === undefined ? 'openai' : request.dialect);
  }

  private sendNative(call: ProviderCall, path: string, timeouts: PhaseTimeouts): UpstreamExchange {
    return this.upstream.start({
      method: 'POST',
      url: `${this.baseUrl}${path}`,
      headers: this.headersFor(call),
      body: nativeOpenAiBody(call.request, call.model),
      signal: call.signal,
      timeouts,
    });
  }

  private headersFor({ request }: ProviderCall): Record<string, string> {
    const headers = receivedTrail(request.forwardedHeaders);
    headers['content-type'] = 'application/json';
    headers['accept'] = request.stream ? 'text/event-stream' : 'application/json';
    headers['user-agent'] = 'ai-gateway';
    if (this.settings.apiKey !== null) headers['authorization'] = `Bearer ${this.settings.apiKey}`;
    return headers;
  }

  private sendTranslated(call: ProviderCall, timeouts: PhaseTimeouts): Promise<UpstreamExchange> {
    const client = new OpenAI({
      apiKey: this.settings.apiKey ?? NO_KEY,
      baseURL: this.baseUrl,
      maxRetries: 0,
      timeout: timeouts.totalMs,
      fetch: sdkFetch(this.upstream, timeouts),
    });
    const body = toOpenAi(call.request, { model: call.model, usesMaxTokens: this.traits.usesMaxTokens });
    const parameters = body as unknown as OpenAI.ChatCompletionCreateParams;
    const headers = receivedTrail(call.request.forwardedHeaders);
    return sdkExchange(this.name, () =>
      client.chat.completions.create(parameters, { signal: abortSignalOf(call.signal), headers }).asResponse(),
    );
  }

  private async read(exchange: UpstreamExchange, call: ProviderCall, dialect: Dialect): Promise<ChatReply> {
    const head = await exchange.head;
    call.onHead?.(head.headers);
    await requireSuccess(this.name, 'openai', head, exchange);
    const { request, model } = call;
    const isTranslated = request.dialect !== dialect;
    if (!request.stream) {
      const reply = this.readWhole(await readJson(this.name, head, exchange), call, dialect);
      return isTranslated ? { ...reply, warnings: leftOut(request) } : reply;
    }
    const reader = dialect === 'responses' ? new ResponsesStreamReader(this.name) : new OpenAiStreamReader(this.name);
    const batches = readStream(this.name, head, exchange, reader);
    return new ProviderStreamReply(dialect, model, reader, batches, isTranslated ? leftOut(request) : undefined);
  }

  private readWhole(answer: { raw: Buffer; value: JsonObject }, call: ProviderCall, dialect: Dialect): JsonReply {
    const { model, request } = call;
    if (dialect === 'responses') return readResponse(this.name, answer, model);
    if (dialect !== 'embeddings') return this.readCompletion(answer, model);
    return readEmbeddings(this.name, answer, { model, encodingFormat: request.document.value['encoding_format'] });
  }

  private readCompletion({ raw, value }: { raw: Buffer; value: JsonObject }, model: string): JsonReply {
    if (!Array.isArray(value['choices'])) {
      throw brokenReply(this.name, 'malformed', 'answered with JSON that is no chat completion');
    }
    return {
      kind: 'json',
      dialect: 'openai',
      raw,
      value,
      model: typeof value['model'] === 'string' ? value['model'] : model,
      usage: openAiUsage(value['usage'], value['service_tier']),
      finish: completionFinish(value),
    };
  }
}

/** `https://host` means the same as `https://host/v1`; any other path is taken as it is. */
function withVersionPath(baseUrl: string): string {
  const trimmed = baseUrl.replace(/\/+$/, '');
  return new URL(trimmed).pathname === '/' ? `${trimmed}/v1` : trimmed;
}
