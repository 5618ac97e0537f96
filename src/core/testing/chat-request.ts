import { ChatRequest, type ChatBody, type ChatRequestFields, type JsonObject } from '../chat';
import { JsonDocument } from '../json-document';

/** The request that a body makes in the OpenAI dialect. `fields`: what is otherwise than it says. */
export function chatRequestOf(body: JsonObject, fields: Partial<ChatRequestFields> = {}): ChatRequest {
  return new ChatRequest({
    dialect: 'openai',
    document: JsonDocument.of(body),
    model: typeof body['model'] === 'string' ? body['model'] : 'm',
    stream: body['stream'] === true,
    includeUsage: false,
    maxOutputTokens: null,
    choices: 1,
    forwardedHeaders: {},
    toCanonical: () => body as unknown as ChatBody,
    ...fields,
  });
}
