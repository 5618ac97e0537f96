import type { Random } from './random';

/** An answer that is decided before any event: status, headers and the whole body. */
export interface FixedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly contentType: string;
}

export type ErrorDialect = 'openai' | 'anthropic';

export const SERVER_ERROR_TEXT = 'The server had an error while processing your request. Sorry about that!';

export const openAiError = (message: string, type: string, param: string | null, code: string | null): string =>
  JSON.stringify({ error: { message, type, param, code } });

export const anthropicRequestId = (random: Random): string => `req_011C${random.base62(20)}`;

export const anthropicError = (message: string, type: string, random: Random): string =>
  JSON.stringify({ type: 'error', error: { type, message }, request_id: anthropicRequestId(random) });

/** Overload inside a 200 stream, as recorded. */
export function anthropicErrorEvent(random: Random): string {
  const error = { details: null, type: 'overloaded_error', message: 'Overloaded' };
  return `event: error\ndata: ${JSON.stringify({ type: 'error', error, request_id: anthropicRequestId(random) })}\n\n`;
}

export const jsonReply = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): FixedReply => ({ status, headers, body, contentType: 'application/json' });

/** Anthropic's word for each status; it also says whether a retry makes sense. */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'api_error',
  529: 'overloaded_error',
};

export interface ErrorText {
  readonly message: string;
  /** OpenAI's type, parameter and code; Anthropic's type follows from the status. */
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** An error in the words and the shape of the dialect. */
export function errorReply(
  dialect: ErrorDialect,
  status: number,
  text: ErrorText,
  random: Random,
  headers: Readonly<Record<string, string>> = {},
): FixedReply {
  if (dialect === 'openai')
    return jsonReply(
      status,
      openAiError(text.message, text.type ?? 'invalid_request_error', text.param ?? null, text.code ?? null),
      headers,
    );
  const retry = { 'x-should-retry': String(status === 429 || status >= 500) };
  return jsonReply(status, anthropicError(text.message, ANTHROPIC_TYPES[status] ?? 'api_error', random), {
    ...retry,
    ...headers,
  });
}
