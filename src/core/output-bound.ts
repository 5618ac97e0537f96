import { ChatRequest, type InferenceRequest } from './chat';
import { JsonDocument } from './json-document';

/** The name of the bound in a body of this dialect; servers that are merely compatible know the older one. */
function memberOf({ dialect, document }: InferenceRequest, isCompatibleOnly: boolean): string {
  if (dialect === 'responses') return 'max_output_tokens';
  if (dialect === 'anthropic') return 'max_tokens';
  const isNewer = typeof document.value['max_completion_tokens'] === 'number';
  const isOlder = typeof document.value['max_tokens'] === 'number';
  if (isNewer) return 'max_completion_tokens';
  return isOlder || isCompatibleOnly ? 'max_tokens' : 'max_completion_tokens';
}

/** The same call with another bound on its answer, in the client's own body and in the canonical one. */
export function withOutputBound(
  request: InferenceRequest,
  maxOutputTokens: number,
  isCompatibleOnly: boolean,
): InferenceRequest {
  if (!(request instanceof ChatRequest)) return request;
  const document = JsonDocument.parse(
    request.document.withMembers({ [memberOf(request, isCompatibleOnly)]: maxOutputTokens }),
  );
  const { dialect, model, stream, includeUsage, choices, forwardedHeaders } = request;
  return new ChatRequest({
    dialect,
    document,
    model,
    stream,
    includeUsage,
    maxOutputTokens,
    choices,
    forwardedHeaders,
    toCanonical: () => {
      const { max_tokens: older, max_completion_tokens: _newer, ...body } = request.canonical();
      const member = typeof older === 'number' ? 'max_tokens' : 'max_completion_tokens';
      return { ...body, [member]: maxOutputTokens };
    },
  });
}
