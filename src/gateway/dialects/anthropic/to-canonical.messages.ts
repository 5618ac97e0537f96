import type { ChatContentPart, ChatMessage, ChatToolCall, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { toPart, toText } from './to-canonical.content';
import { asText, requireBlocks, requireObject, requireText } from './to-canonical.fields';

/** A content block with its place in the request, for errors. */
interface PlacedBlock {
  readonly block: JsonObject;
  readonly param: string;
}

interface Turn {
  readonly role: 'user' | 'assistant' | 'system';
  readonly blocks: PlacedBlock[];
}

export function toCanonicalMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InvalidRequestError('messages must be an array with at least one message.', 'messages');
  }
  return mergeToolTurns(messages.map((value, index) => readTurn(value, `messages[${index}]`))).flatMap(toMessages);
}

function readTurn(value: unknown, param: string): Turn {
  const { role, content } = requireObject(value, param);
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw new InvalidRequestError(`${param}.role must be user, assistant or system.`, `${param}.role`);
  }
  return { role, blocks: placedBlocks(content, `${param}.content`) };
}

const placedBlocks = (content: unknown, param: string): PlacedBlock[] =>
  requireBlocks(content, param).map((value, index) => {
    const place = `${param}[${index}]`;
    return { block: requireObject(value, place), param: place };
  });

/**
 * Anthropic reads neighbours of one role as one message; OpenAI wants the results of all calls directly after the message
 * that made them. So neighbours are joined where calls or results are among them.
 */
function mergeToolTurns(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role === turn.role && (hasTools(last) || hasTools(turn))) last.blocks.push(...turn.blocks);
    else merged.push({ role: turn.role, blocks: [...turn.blocks] });
  }
  return merged;
}

const hasTools = ({ blocks }: Turn): boolean =>
  blocks.some(({ block }) => block['type'] === 'tool_use' || block['type'] === 'tool_result');

function toMessages({ role, blocks }: Turn): ChatMessage[] {
  if (role === 'user') return userMessages(blocks);
  return role === 'assistant' ? assistantMessage(blocks) : systemText(blocks);
}

/** The system prompt, as one message; several blocks stay several parts. Nothing when it is blank. */
export const systemMessage = (content: unknown, param: string): ChatMessage[] =>
  systemText(placedBlocks(content, param));

function systemText(blocks: readonly PlacedBlock[]): ChatMessage[] {
  const parts = blocks.flatMap(({ block, param }): ChatContentPart[] => {
    const text = toText(block, param);
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
function userMessages(blocks: readonly PlacedBlock[]): ChatMessage[] {
  const results: ChatMessage[] = [];
  const media: ChatContentPart[] = [];
  const parts: ChatContentPart[] = [];
  for (const { block, param } of blocks) {
    if (block['type'] === 'tool_result') results.push(toolMessage(block, param, media));
    else parts.push(...toPart(block, param));
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
  return placedBlocks(content, param).flatMap((placed) => toPart(placed.block, placed.param));
}

/** Blocks of an earlier answer that have no counterpart and that the conversation can do without. */
const isLeftOut = (type: string): boolean =>
  type === 'thinking' ||
  type === 'redacted_thinking' ||
  type === 'server_tool_use' ||
  type === 'mcp_tool_use' ||
  type === 'fallback' ||
  type.endsWith('_tool_result');

function assistantMessage(blocks: readonly PlacedBlock[]): ChatMessage[] {
  let text = '';
  const calls: ChatToolCall[] = [];
  for (const { block, param } of blocks) {
    const type = asText(block['type']);
    if (type === 'tool_use') calls.push(toolCall(block, param));
    else if (!isLeftOut(type)) text += toText(block, param);
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
