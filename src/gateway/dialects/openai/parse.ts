import { ChatRequest, type ChatBody, type JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import type { JsonDocument } from '../../../core/json-document';
import { optionalBoolean, optionalCount, requiredName, requiredObjects } from '../fields';

/** The most answers OpenAI gives to one request. */
const MAX_CHOICES = 128;

function includesUsage(body: Readonly<JsonObject>): boolean {
  const options = body['stream_options'];
  if (options === undefined || options === null) return false;
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw new InvalidRequestError('"stream_options" must be an object.', 'stream_options');
  }
  return optionalBoolean(options as JsonObject, 'include_usage', 'stream_options.include_usage') ?? false;
}

function checkMessage(message: JsonObject, path: string): void {
  if (typeof message['role'] !== 'string' || message['role'] === '') {
    throw new InvalidRequestError(`"${path}.role" must be a non-empty string such as "user".`, `${path}.role`);
  }
  const { content } = message;
  const isValid = content === undefined || content === null || typeof content === 'string' || Array.isArray(content);
  if (!isValid)
    throw new InvalidRequestError(`"${path}.content" must be a string or a list of parts.`, `${path}.content`);
}

/**
 * A Chat Completions request. Checked is what the gateway itself relies on; everything else is the provider's to judge and
 * passes on as it is. `headers` are the client's `anthropic-*` headers, for when Anthropic serves the call. Throws `InvalidRequestError` with the field's path.
 */
export function parseChatCompletions(document: JsonDocument, headers: Readonly<Record<string, string>>): ChatRequest {
  const body = document.value;
  requiredObjects(body, 'messages').forEach((message, index) => checkMessage(message, `messages[${index}]`));
  const maxOutputTokens = optionalCount(body, 'max_completion_tokens') ?? optionalCount(body, 'max_tokens');
  return new ChatRequest({
    dialect: 'openai',
    document,
    model: requiredName(body, 'model'),
    stream: optionalBoolean(body, 'stream') ?? false,
    includeUsage: includesUsage(body),
    maxOutputTokens,
    choices: optionalCount(body, 'n', MAX_CHOICES) ?? 1,
    forwardedHeaders: headers,
    toCanonical: () => body as unknown as ChatBody,
  });
}
