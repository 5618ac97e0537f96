import type { GatewayError } from '../../../core/errors';
import { ProviderChainError } from '../../../core/errors';
import type { JsonReply, StreamEvent } from '../../../core/reply';
import { formatSse } from '../../../core/sse-parser';
import type { ErrorFormat, ReplyFormat, StreamFormat } from '../format';

/** OpenAI knows fewer types than we do. */
const TYPES: Readonly<Record<string, string>> = {
  authentication_error: 'invalid_request_error',
  permission_error: 'invalid_request_error',
  not_found_error: 'invalid_request_error',
  request_too_large: 'invalid_request_error',
  overloaded_error: 'server_error',
  timeout_error: 'server_error',
  api_error: 'server_error',
};

const errorBody = ({ message, type, param, code, facts }: GatewayError): string =>
  JSON.stringify({ error: { message, type: TYPES[type] ?? type, param, code, ...(facts ? { details: facts } : {}) } });

export const openAiErrors: ErrorFormat = {
  // OpenAI has no 529.
  status: (error) => (error.status === 529 ? 503 : error.status),
  body: (error) =>
    error instanceof ProviderChainError && error.raw?.dialect === 'openai' ? error.raw.body : errorBody(error),
  event: (error) => formatSse(null, errorBody(error)),
};

class OpenAiStream implements StreamFormat {
  constructor(
    private readonly includeUsage: boolean,
    private readonly costUsd: () => number,
  ) {}

  write(event: StreamEvent): string | Buffer {
    if (event.kind === 'usage' && !this.includeUsage) return '';
    if (event.kind === 'end') return event.raw ?? 'data: [DONE]\n\n';
    if (event.isTextOnly || event.data === null) return event.raw ?? '';
    const { usage } = event.data;
    // Chunks before the last carry `usage: null`.
    if (this.includeUsage && typeof usage === 'object' && usage !== null) {
      return formatSse(null, JSON.stringify({ ...event.data, usage: { ...usage, cost: this.costUsd() } }));
    }
    return event.raw ?? formatSse(null, JSON.stringify(event.data));
  }
}

export const openAiFormat: ReplyFormat = {
  json: (reply: JsonReply) => reply.raw ?? JSON.stringify(reply.value),
  stream: (_, { includeUsage, costUsd }) => new OpenAiStream(includeUsage, costUsd),
};
