import { ChatRequest, type InferenceRequest } from './chat';
import { JsonDocument } from './json-document';

/** The same call for another model, in the client's own body and in the canonical one; null for a call that is no chat. */
export function withModel(request: InferenceRequest, model: string): ChatRequest | null {
  if (!(request instanceof ChatRequest)) return null;
  const { dialect, stream, includeUsage, maxOutputTokens, choices, forwardedHeaders } = request;
  return new ChatRequest({
    dialect,
    document: JsonDocument.parse(request.document.withMembers({ model })),
    model,
    stream,
    includeUsage,
    maxOutputTokens,
    choices,
    forwardedHeaders,
    toCanonical: () => ({ ...request.canonical(), model }),
  });
}
