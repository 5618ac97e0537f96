import type { JsonObject } from '../../../core/chat';
import { EmbeddingsRequest } from '../../../core/embeddings';
import { InvalidRequestError } from '../../../core/errors';
import type { JsonDocument } from '../../../core/json-document';
import { optionalCount, requiredName } from '../fields';

const FORMATS: ReadonlySet<unknown> = new Set([undefined, null, 'float', 'base64']);

/**
 * An Embeddings request. Checked is what the gateway itself relies on; limits of a model are the provider's to judge.
 * Throws `InvalidRequestError` with the field's path.
 */
export function parseEmbeddings(document: JsonDocument, headers: Readonly<Record<string, string>>): EmbeddingsRequest {
  const body = document.value;
  checkInput(body['input']);
  checkFormat(body);
  optionalCount(body, 'dimensions');
  return new EmbeddingsRequest({
    dialect: 'embeddings',
    document,
    model: requiredName(body, 'model'),
    stream: false,
    includeUsage: false,
    maxOutputTokens: 0,
    choices: 1,
    forwardedHeaders: headers,
  });
}

function checkInput(input: unknown): void {
  const isToken = (item: unknown): boolean => Number.isInteger(item);
  const isTokens = (item: unknown): boolean => Array.isArray(item) && item.length > 0 && item.every(isToken);
  const isText = (item: unknown): boolean => typeof item === 'string';
  if (isText(input) || isTokens(input)) return;
  if (Array.isArray(input) && input.length > 0 && (input.every(isText) || input.every(isTokens))) return;
  throw new InvalidRequestError(
    '"input" is required and must be a string, a list of strings, a list of token numbers or a list of such lists.',
    'input',
  );
}

function checkFormat({ encoding_format: format }: Readonly<JsonObject>): void {
  if (FORMATS.has(format)) return;
  throw new InvalidRequestError('"encoding_format" must be "float" or "base64".', 'encoding_format');
}
