import { ChatRequest } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import type { JsonDocument } from '../../../core/json-document';
import { optionalBoolean, optionalCount, requiredName, requiredObjects } from '../fields';
import { toCanonical } from './to-canonical';

/**
 * A Messages request. Checked is what the gateway itself relies on; everything else is the provider's to judge. `headers`
 * are the client's `anthropic-*` headers, forwarded untouched to a provider of the same dialect.
 */
export function parseMessages(document: JsonDocument, headers: Readonly<Record<string, string>>): ChatRequest {
  const body = document.value;
  requiredObjects(body, 'messages').forEach((message, index) => {
    if (typeof message['role'] === 'string') return;
    throw new InvalidRequestError(
      `"messages[${index}].role" must be "user" or "assistant".`,
      `messages[${index}].role`,
    );
  });
  const maxOutputTokens = optionalCount(body, 'max_tokens');
  if (maxOutputTokens === null) throw new InvalidRequestError('"max_tokens" is required.', 'max_tokens');
  return new ChatRequest({
    dialect: 'anthropic',
    document,
    model: requiredName(body, 'model'),
    stream: optionalBoolean(body, 'stream') ?? false,
    includeUsage: true,
    maxOutputTokens,
    choices: 1,
    forwardedHeaders: headers,
    toCanonical: () => toCanonical({ ...body }),
  });
}
