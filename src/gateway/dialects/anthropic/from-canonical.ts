import type { ChatCompletion, JsonObject } from '../../../core/chat';
import type { TokenUsage } from '../../../core/tokens';
import { canonicalFinish, messageId, toolUseId, toStopReason } from './from-canonical.words';
import { readContent } from './from-canonical.parts';
import { messageUsage, readCanonicalUsage } from './from-canonical.usage';
import { asObject, asText, isObject } from './to-canonical.fields';

export { AnthropicEventWriter } from './from-canonical.stream';

/** A canonical completion as Anthropic's message. Only the first choice has a place in it. */
export function fromCompletion(completion: ChatCompletion, requestedModel: string): JsonObject {
  const choice = asObject(completion.choices[0]);
  const message = asObject(choice['message']);
  const content = toContent(message);
  const hasTools = content.some((block) => block['type'] === 'tool_use');
  const isRefusal = asText(message['refusal']) !== '';
  const usage: TokenUsage | null = readCanonicalUsage(completion.usage);
  return {
    id: messageId(completion.id),
    type: 'message',
    role: 'assistant',
    model: completion.model || requestedModel,
    content,
    stop_reason: toStopReason(canonicalFinish(choice['finish_reason']), hasTools, isRefusal),
    stop_sequence: null,
    usage: messageUsage(usage),
  };
}

/** Reasoning, then text, then tool calls. */
function toContent(message: JsonObject): JsonObject[] {
  const content: JsonObject[] = [];
  const words = readContent(message['content']);
  const thinking = asText(message['reasoning_content']) || asText(message['reasoning']) || words.thinking;
  if (thinking !== '') content.push({ type: 'thinking', thinking, signature: '' });
  for (const text of [words.text, asText(message['refusal'])]) {
    if (text !== '') content.push({ type: 'text', text });
  }
  const { tool_calls: calls, function_call: legacyCall } = message;
  const list: unknown[] = Array.isArray(calls) ? calls : [];
  if (list.length === 0 && isObject(legacyCall)) list.push({ function: legacyCall });
  for (const [index, call] of list.entries()) content.push(toToolUse(asObject(call), index));
  return content;
}

function toToolUse(call: JsonObject, index: number): JsonObject {
  const { name, arguments: text } = asObject(call['function']);
  return { type: 'tool_use', id: toolUseId(call['id'], index), name: asText(name), input: toInput(text) };
}

/** `input` must be an object: what a model wrote wrongly is wrapped rather than lost. */
function toInput(text: unknown): JsonObject {
  if (isObject(text)) return text;
  const json = asText(text);
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : { raw_arguments: value };
  } catch {
    return { raw_arguments: json };
  }
}
