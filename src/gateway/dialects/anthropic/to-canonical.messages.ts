import type { ChatContentPart, ChatMessage, ChatToolCall, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { toPart, toText } from './to-canonical.content';
import { asText, requireBlocks, requireObject, requireText } from './to-canonical.fields';

export function toCanonicalMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InvalidRequestError('messages must be an array with at least one message.', 'messages');
  }
  return messages.flatMap((value, index) => {
    const param = `messages[${index}]`;
    const message = requireObject(value, param);
    return toMessages(message, `${param}.content`, param);
  });
}

function toMessages(message: JsonObject, contentParam: string, param: string): ChatMessage[] {
  const { role, content } = message;
  switch (role) {
    case 'user':
      return userMessages(content, contentParam);
    case 'assistant':
      return assistantMessage(content, contentParam);
    case 'system':
      return systemMessage(content, contentParam);
    default:
      throw new InvalidRequestError(`${param}.role must be user, assistant or system.`, `${param}.role`);
  }
}

/** The system prompt, as one message; several blocks stay several parts. Nothing when it is blank. */
export function systemMessage(content: unknown, param: string): ChatMessage[] {
  const parts = requireBlocks(content, param).flatMap((block, index): ChatContentPart[] => {
    const text = toText(requireObject(block, `${param}[${index}]`), `${param}[${index}]`);
    return text === '' ? [] : [{ type: 'text', text }];
  });
  return parts.length > 0 ? [{ role: 'system', content: joined(parts) }] : [];
}

/** One text part alone is written as a string, which every OpenAI-compatible server reads. */
function joined(parts: ChatContentPart[]): string | ChatContentPart[] {
  const [first, second] = parts;
  return first?.type === 'text' && second === undefined ? (first.text ?? '') : parts;
}

/** Tool results come first, directly after the assistant's calls; media in them follows in the user message. */
function userMessages(content: unknown, param: string): ChatMessage[] {
  const results: ChatMessage[] = [];
  const media: ChatContentPart[] = [];
  const parts: ChatContentPart[] = [];
  for (const [index, value] of requireBlocks(content, param).entries()) {
    const place = `${param}[${index}]`;
    const block = requireObject(value, place);
    if (block['type'] === 'tool_result') results.push(toolMessage(block, place, media));
    else parts.push(...toPart(block, place));
  }
  const all = [...media, ...parts];
  return all.length > 0 ? [...results, { role: 'user', content: joined(all) }] : results;
}

function toolMessage(block: JsonObject, param: string, media: ChatContentPart[]): ChatMessage {
  const id = requireText(block['tool_use_id'], `${param}.tool_use_id`);
  const texts: string[] = [];
  const own: ChatContentPart[] = [];
  for (const part of resultParts(block['content'], `${param}.content`)) {
    if (part.type === 'text') texts.push(part.text ?? '');
    else own.push(part);
  }
  if (own.length > 0) media.push({ type: 'text', text: `From the result of tool call ${id}:` }, ...own);
  const text = texts.join('\n');
  return { role: 'tool', tool_call_id: id, content: block['is_error'] === true ? `Error: ${text}` : text };
}

function resultParts(content: unknown, param: string): ChatContentPart[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return requireBlocks(content, param).flatMap((block, index) =>
    toPart(requireObject(block, `${param}[${index}]`), `${param}[${index}]`),
  );
}

/** Blocks of an earlier answer that have no counterpart and that the conversation can do without. */
const isLeftOut = (type: string): boolean =>
  type === 'thinking' ||
  type === 'redacted_thinking' ||
  type === 'server_tool_use' ||
  type === 'mcp_tool_use' ||
  type === 'fallback' ||
  type.endsWith('_tool_result');

function assistantMessage(content: unknown, param: string): ChatMessage[] {
  let text = '';
  const calls: ChatToolCall[] = [];
  for (const [index, value] of requireBlocks(content, param).entries()) {
    const place = `${param}[${index}]`;
    const block = requireObject(value, place);
    const type = asText(block['type']);
    if (type === 'tool_use') calls.push(toolCall(block, place));
    else if (!isLeftOut(type)) text += toText(block, place);
  }
  if (text === '' && calls.length === 0) return [];
  const isSilent = text === '' && calls.length > 0;
  return [{ role: 'assistant', content: isSilent ? null : text, ...(calls.length > 0 ? { tool_calls: calls } : {}) }];
}

function toolCall(block: JsonObject, param: string): ChatToolCall {
  return {
    id: requireText(block['id'], `${param}.id`),
    type: 'function',
    function: {
      name: requireText(block['name'], `${param}.name`),
      arguments: JSON.stringify(block['input'] ?? {}),
    },
  };
}
