import { ChatRequest, type ChatBody, type JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import type { JsonDocument } from '../../../core/json-document';
import { checkKinds, optionalBoolean, optionalCount, requiredName, requiredObjects, type FieldKinds } from '../fields';

const OPTIONAL: FieldKinds = {
  temperature: 'a number',
  top_p: 'a number',
  presence_penalty: 'a number',
  frequency_penalty: 'a number',
  seed: 'a whole number',
  stop: 'a string or a list',
  tools: 'a list',
  tool_choice: 'a string or an object',
  parallel_tool_calls: 'true or false',
  response_format: 'an object',
  logit_bias: 'an object',
  logprobs: 'true or false',
  top_logprobs: 'a whole number',
  reasoning_effort: 'a string',
  user: 'a string',
};

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
 * A Chat Completions request. Checked are what the gateway itself relies on and the types of common fields; everything else
 * is the provider's to judge and passes on as it is. `headers` are the client's `anthropic-*` headers, for when Anthropic
 * serves the call. Throws `InvalidRequestError` with the field's path.
 */
export function parseChatCompletions(document: JsonDocument, headers: Readonly<Record<string, string>>): ChatRequest {
  const body = document.value;
  requiredObjects(body, 'messages').forEach((message, index) => checkMessage(message, `messages[${index}]`));
  checkKinds(body, OPTIONAL);
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
