import type { ChatCompletion } from '../../../core/chat';
import { ProviderChainError, type GatewayError } from '../../../core/errors';
import type { StreamEvent } from '../../../core/reply';
import { formatSse } from '../../../core/sse-parser';
import type { ErrorFormat, ReplyFormat, StreamFormat } from '../format';
import { AnthropicEventWriter, fromCompletion } from './from-canonical';

/** Anthropic names its errors by status. */
const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

function errorBody(error: GatewayError, requestId: string): string {
  const type = TYPES[error.status] ?? (error.status < 500 ? 'invalid_request_error' : 'api_error');
  const details = { code: error.code, param: error.param, ...error.facts };
  return JSON.stringify({ type: 'error', error: { type, message: error.message, details }, request_id: requestId });
}

export const anthropicErrors: ErrorFormat = {
  status: (error) => error.status,
  body: (error, requestId) =>
    error instanceof ProviderChainError && error.raw?.dialect === 'anthropic'
      ? error.raw.body
      : errorBody(error, requestId),
  event: (error, requestId) => formatSse('error', errorBody(error, requestId)),
};

/** Anthropic's own events: as they came, with the cost beside the final usage. */
class NativeStream implements StreamFormat {
  constructor(private readonly costUsd: () => number) {}

  write(event: StreamEvent): string | Buffer {
    const usage = event.data?.['type'] === 'message_delta' ? event.data['usage'] : null;
    if (typeof usage !== 'object' || usage === null) return event.raw ?? '';
    return formatSse(event.name, JSON.stringify({ ...event.data, usage: { ...usage, cost: this.costUsd() } }));
  }
}

/** Canonical chunks as Anthropic's events. */
class TranslatedStream implements StreamFormat {
  private readonly writer: AnthropicEventWriter;

  constructor(
    inputTokensEstimate: number,
    private readonly costUsd: () => number,
  ) {
    this.writer = new AnthropicEventWriter({ inputTokensEstimate });
  }

  write(event: StreamEvent): string {
    let text = '';
    for (const data of this.writer.push(event)) {
      const isFinalUsage = data['type'] === 'message_delta';
      const body = isFinalUsage ? { ...data, usage: { ...(data['usage'] as object), cost: this.costUsd() } } : data;
      text += formatSse(String(data['type']), JSON.stringify(body));
    }
    return text;
  }
}

export const anthropicFormat: ReplyFormat = {
  json: (reply, requestedModel) => {
    if (reply.dialect === 'anthropic') return reply.raw ?? JSON.stringify(reply.value);
    return JSON.stringify(fromCompletion(reply.value as unknown as ChatCompletion, requestedModel));
  },
  stream: (reply, { costUsd, estimatedInputTokens }) =>
    reply.dialect === 'anthropic' ? new NativeStream(costUsd) : new TranslatedStream(estimatedInputTokens(), costUsd),
};
