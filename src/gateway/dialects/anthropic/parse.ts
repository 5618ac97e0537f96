import { ChatRequest, type JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import type { JsonDocument } from '../../../core/json-document';
import { checkKinds, optionalBoolean, optionalCount, requiredName, requiredObjects, type FieldKinds } from '../fields';
import { toCanonical } from './to-canonical';

const OPTIONAL: FieldKinds = {
  system: 'a string or a list',
  temperature: 'a number',
  top_p: 'a number',
  top_k: 'a whole number',
  stop_sequences: 'a list',
  tools: 'a list',
  tool_choice: 'an object',
  thinking: 'an object',
  metadata: 'an object',
};

/**
 * A Messages request. Checked are what the gateway itself relies on and the types of common fields; everything else is the
 * provider's to judge. `headers` are the client's `anthropic-*` headers, forwarded untouched to a provider of the same dialect.
 */
export function parseMessages(document: JsonDocument, headers: Readonly<Record<string, string>>): ChatRequest {
  const body = document.value;
  checkMessages(body);
  const maxOutputTokens = optionalCount(body, 'max_tokens');
  if (maxOutputTokens === null) throw new InvalidRequestError('"max_tokens" is required.', 'max_tokens');
  return messagesRequest(document, headers, { maxOutputTokens, stream: optionalBoolean(body, 'stream') ?? false });
}

/** A Messages request whose tokens are to be counted: no answer is made, so nothing bounds it. */
export function parseTokenCount(document: JsonDocument, headers: Readonly<Record<string, string>>): ChatRequest {
  checkMessages(document.value);
  return messagesRequest(document, headers, { maxOutputTokens: 0, stream: false });
}

function checkMessages(body: Readonly<JsonObject>): void {
  requiredObjects(body, 'messages').forEach((message, index) => {
    if (typeof message['role'] === 'string') return;
    throw new InvalidRequestError(
      `"messages[${index}].role" must be "user" or "assistant".`,
      `messages[${index}].role`,
    );
  });
  checkKinds(body, OPTIONAL);
}

function messagesRequest(
  document: JsonDocument,
  headers: Readonly<Record<string, string>>,
  answer: { readonly maxOutputTokens: number; readonly stream: boolean },
): ChatRequest {
  const body = document.value;
  return new ChatRequest({
    dialect: 'anthropic',
    document,
    model: requiredName(body, 'model'),
    includeUsage: true,
    ...answer,
    choices: 1,
    forwardedHeaders: headers,
    toCanonical: () => toCanonical({ ...body }),
  });
}
