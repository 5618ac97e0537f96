import Anthropic from '@anthropic-ai/sdk';
import { abortSignalOf } from '../../core/cancel-signal';
import type { Dialect, JsonObject } from '../../core/chat';
import type { ChatReply, JsonReply } from '../../core/reply';
import { Provider, timeoutsOf, type ProviderCall, type ProviderSettings } from '../provider';
import { receivedTrail } from '../upstream/outbound-headers';
import { brokenReply, readJson, readStream, requireSuccess } from '../upstream/read-reply';
import { sdkExchange, sdkFetch } from '../upstream/sdk-fetch';
import { ProviderStreamReply, type ModelReader } from '../upstream/stream-reply';
import { UpstreamClient } from '../upstream/upstream-client';
import type { PhaseTimeouts, UpstreamExchange } from '../upstream/upstream-exchange';
import { AnthropicNativeReader, AnthropicTranslatingReader } from './anthropic.stream';
import { readTokenCount } from './count-tokens';
import { fromAnthropicMessage } from './from-anthropic';
import { outputLimits } from './model-limits';
import { toAnthropic, type AnthropicRequest } from './to-anthropic';

const PUBLIC_BASE_URL = 'https://api.anthropic.com';
/** The version our own translation is written for; a client's own choice goes through untouched. */
const API_VERSION = '2023-06-01';
/** From this version on the API takes the key as a bearer token. */
const BEARER_SINCE = '2026-10-21';

/** Anthropic's Messages API. */
export class AnthropicProvider extends Provider {
  override readonly name: string;
  override readonly type = 'anthropic';
  override readonly baseUrl: string;
  private readonly upstream: UpstreamClient;

  constructor(private readonly settings: ProviderSettings) {
    super();
    this.name = settings.name;
    this.baseUrl = withoutVersionPath(settings.baseUrl ?? PUBLIC_BASE_URL);
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
    return dialect === 'anthropic';
  }

  override close(): Promise<void> {
    return this.upstream.close();
  }

  override chat(call: ProviderCall): Promise<ChatReply> {
    const timeouts = timeoutsOf(this.settings, call.request.stream, call.remainingMs);
    return call.request.dialect === 'anthropic' ? this.passThrough(call, timeouts) : this.translate(call, timeouts);
  }

  private async passThrough(call: ProviderCall, timeouts: PhaseTimeouts): Promise<ChatReply> {
    const { request } = call;
    const exchange = this.sendNative(call, '/v1/messages', timeouts);
    const head = await exchange.head;
    call.onHead?.(head.headers);
    await requireSuccess(this.name, 'anthropic', head, exchange);
    if (request.stream) return this.stream('anthropic', exchange, call.model, new AnthropicNativeReader(this.name));
    const { raw, value } = await readJson(this.name, head, exchange);
    const { usage, finish } = this.readMessage(value, null);
    return { kind: 'json', dialect: 'anthropic', raw, value, model: modelOf(value, call.model), usage, finish };
  }

  override async countTokens(call: ProviderCall): Promise<JsonReply> {
    const timeouts = timeoutsOf(this.settings, false, call.remainingMs);
    const exchange = this.sendNative(call, '/v1/messages/count_tokens', timeouts);
    const head = await exchange.head;
    await requireSuccess(this.name, 'anthropic', head, exchange);
    return readTokenCount(this.name, await readJson(this.name, head, exchange), call.model);
  }

  /** The client's bytes and `anthropic-*` headers, with only the model and the key exchanged. */
  private sendNative(call: ProviderCall, path: string, timeouts: PhaseTimeouts): UpstreamExchange {
    const { request } = call;
    const changes = request.document.value['model'] === call.model ? {} : { model: call.model };
    const { forwardedHeaders } = request;
    const version = forwardedHeaders['anthropic-version'] ?? API_VERSION;
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: request.stream ? 'text/event-stream' : 'application/json',
      'user-agent': 'ai-gateway',
      'anthropic-version': version,
    };
    return this.upstream.start({
      method: 'POST',
      url: `${this.baseUrl}${path}`,
      headers: Object.assign(headers, forwardedHeaders, this.credentials(version)),
      body: request.document.withMembers(changes),
      signal: call.signal,
      timeouts,
    });
  }

  private async translate(call: ProviderCall, timeouts: PhaseTimeouts): Promise<ChatReply> {
    const { defaultTokens, maxTokens } = outputLimits(call.model, call.maxOutputTokens ?? null);
    const translated = toAnthropic(call.request.canonical(), {
      model: call.model,
      maxOutputTokens: defaultTokens,
      maxOutputTokensCap: maxTokens,
    });
    const exchange = await this.sendTranslated(translated, call, timeouts);
    const head = await exchange.head;
    call.onHead?.(head.headers);
    await requireSuccess(this.name, 'anthropic', head, exchange);
    const { jsonTool, warnings } = translated;
    if (call.request.stream) {
      const options = { jsonTool, createdSeconds: nowSeconds(), includeUsage: call.request.includeUsage };
      const reader = new AnthropicTranslatingReader(this.name, options);
      return this.stream('openai', exchange, call.model, reader, warnings);
    }
    const { value } = await readJson(this.name, head, exchange);
    const { completion, usage, finish } = this.readMessage(value, jsonTool);
    return {
      kind: 'json',
      dialect: 'openai',
      raw: null,
      value: completion as unknown as JsonObject,
      model: modelOf(value, call.model),
      usage,
      finish,
      warnings,
    };
  }

  private sendTranslated(
    translated: AnthropicRequest,
    call: ProviderCall,
    timeouts: PhaseTimeouts,
  ): Promise<UpstreamExchange> {
    const client = new Anthropic({
      apiKey: this.settings.apiKey ?? 'none',
      baseURL: this.baseUrl,
      maxRetries: 0,
      timeout: timeouts.totalMs,
      fetch: sdkFetch(this.upstream, timeouts),
      defaultHeaders: { 'anthropic-version': API_VERSION, authorization: null, ...this.credentials(API_VERSION) },
    });
    const betas = [...translated.betas, call.request.forwardedHeaders['anthropic-beta']].filter(Boolean).join(',');
    const headers = receivedTrail(call.request.forwardedHeaders);
    if (betas !== '') headers['anthropic-beta'] = betas;
    const options = { body: translated.body, stream: call.request.stream, timeout: timeouts.totalMs };
    // Not `messages.create`: that warns on the console, for each call, of models that are going to be retired.
    return sdkExchange(this.name, () =>
      client.post('/v1/messages', { ...options, signal: abortSignalOf(call.signal), headers }).asResponse(),
    );
  }

  private async stream(
    dialect: Dialect,
    exchange: UpstreamExchange,
    model: string,
    reader: ModelReader,
    warnings: readonly string[] = [],
  ): Promise<ChatReply> {
    const batches = readStream(this.name, await exchange.head, exchange, reader);
    return new ProviderStreamReply(dialect, model, reader, batches, warnings);
  }

  private readMessage(
    value: JsonObject,
    jsonTool: string | null,
  ): Pick<JsonReply, 'usage' | 'finish'> & {
    readonly completion: ReturnType<typeof fromAnthropicMessage>['completion'];
  } {
    if (!Array.isArray(value['content'])) {
      throw brokenReply(this.name, 'malformed', 'answered with JSON that is no message');
    }
    return fromAnthropicMessage(value, { jsonTool, createdSeconds: nowSeconds() });
  }

  private credentials(version: string): Record<string, string> {
    const { apiKey } = this.settings;
    if (apiKey === null) return {};
    return version >= BEARER_SINCE ? { authorization: `Bearer ${apiKey}` } : { 'x-api-key': apiKey };
  }
}

const modelOf = (message: JsonObject, asked: string): string =>
  typeof message['model'] === 'string' && message['model'] !== '' ? message['model'] : asked;

/** `created` of an answer: a label for people, not a measurement. */
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** The SDK adds `/v1/messages`; an address that ends in `/v1`, as OpenAI's do, means the same host. */
const withoutVersionPath = (baseUrl: string): string => baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
