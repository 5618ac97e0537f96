import { ChatRequest, type JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import type { JsonDocument } from '../../../core/json-document';
import { optionalBoolean, optionalCount, requiredName } from '../fields';
import { toCanonical } from './to-canonical';

/**
 * A Responses request. Checked is what the gateway itself relies on; everything else is the provider's to judge and
 * passes on as it is. `headers` are the client's `anthropic-*` headers, for when Anthropic serves the call. Throws
 * `InvalidRequestError` with the field's path.
 */
export function parseResponses(document: JsonDocument, headers: Readonly<Record<string, string>>): ChatRequest {
  const body = document.value;
  checkInput(body);
  const stream = optionalBoolean(body, 'stream') ?? false;
  if (!stream) refuseBackground(body);
  return new ChatRequest({
    dialect: 'responses',
    document,
    model: requiredName(body, 'model'),
    stream,
    includeUsage: true,
    maxOutputTokens: optionalCount(body, 'max_output_tokens'),
    choices: 1,
    forwardedHeaders: headers,
    toCanonical: () => toCanonical(body),
  });
}

function checkInput(body: Readonly<JsonObject>): void {
  const { input } = body;
  if (input === undefined || input === null || typeof input === 'string' || Array.isArray(input)) return;
  throw new InvalidRequestError('"input" must be a string or a list of items.', 'input');
}

/** Its answer is fetched later, which the gateway has no route for, and what it costs is not known until then. */
function refuseBackground(body: Readonly<JsonObject>): void {
  if (optionalBoolean(body, 'background') !== true) return;
  throw new InvalidRequestError(
    '"background" works with "stream": true only: the gateway keeps no answers to be fetched later.',
    'background',
  );
}
