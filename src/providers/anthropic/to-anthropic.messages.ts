import type { ChatMessage, JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import {
  asList,
  asObject,
  asText,
  isBlank,
  isObject,
  TOOL_NAME,
  type AnthropicBlock,
  type AnthropicTurn,
} from './anthropic.wire';
import { refersToFile, toTextBlocks, toUserBlocks, withCacheControl } from './to-anthropic.content';
import { arrangeTurns } from './to-anthropic.turns';

export interface AnthropicConversation {
  readonly system: AnthropicBlock[];
  readonly messages: AnthropicTurn[];
  /** Names of all tools called in the history, in order of appearance. */
  readonly calledTools: readonly string[];
  readonly usesFiles: boolean;
}

export interface ConversationOptions {
  /** The model takes messages of role `system` after a user turn; otherwise they are hoisted. */
  readonly midConversationSystem: boolean;
}

/**
 * The conversation in Anthropic's form. Throws `InvalidRequestError` for tool calls without results, reused tool ids and
 * parts the Messages API has no form for.
 */
export function toAnthropicMessages(messages: unknown, options: ConversationOptions): AnthropicConversation {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InvalidRequestError('messages must be an array with at least one message.', 'messages');
  }
  const builder = new ConversationBuilder();
  for (const [index, message] of messages.entries()) {
    const param = `messages[${index}]`;
    if (!isObject(message)) throw new InvalidRequestError(`${param} must be an object.`, param);
    builder.add(message as unknown as ChatMessage, param);
  }
  builder.close();
  const { system, messages: arranged } = arrangeTurns(builder.system, builder.turns, options.midConversationSystem);
  return { system, messages: arranged, calledTools: [...builder.calledTools], usesFiles: builder.usesFiles };
}

class ConversationBuilder {
  readonly system: AnthropicBlock[] = [];
  readonly turns: AnthropicTurn[] = [];
  readonly calledTools = new Set<string>();
  usesFiles = false;
  /** Calls of the last assistant turn that have no result yet. */
  private readonly pending = new Set<string>();
  /** Ids as the client wrote them, with the form they have on the wire. */
  private readonly toolIds = new Map<string, string>();
  private readonly wireIds = new Set<string>();

  add(message: ChatMessage, param: string): void {
    switch (message.role) {
      case 'system':
      case 'developer':
        return this.addSystem(message, param);
      case 'user':
        return this.addUser(message, param);
      case 'assistant':
        return this.addAssistant(message, param);
      case 'tool':
        return this.addToolResult(message, param);
      case 'function':
        throw legacyFunctions(`${param}.role`);
      default:
        throw new InvalidRequestError(
          `${param}.role must be system, developer, user, assistant or tool.`,
          `${param}.role`,
        );
    }
  }

  /** No more messages: every call must have its result. */
  close(): void {
    this.requireResults('messages');
  }

  private addSystem(message: ChatMessage, param: string): void {
    const blocks = markLast(toTextBlocks(message.content, `${param}.content`), message);
    if (this.turns.length === 0) this.system.push(...blocks);
    else this.turns.push({ role: 'system', content: blocks });
  }

  private addUser(message: ChatMessage, param: string): void {
    this.requireResults(param);
    this.turns.push({ role: 'user', content: this.userBlocks(message, param) });
  }

  private userBlocks(message: ChatMessage, param: string): AnthropicBlock[] {
    const blocks = markLast(toUserBlocks(message.content, `${param}.content`), message);
    this.usesFiles ||= blocks.some(refersToFile);
    return blocks;
  }

  private addAssistant(message: ChatMessage, param: string): void {
    // Neighbouring assistant messages become one, so the results of all their calls come after the last.
    if (this.turns.at(-1)?.role !== 'assistant') this.requireResults(param);
    if (isObject(message['function_call'])) throw legacyFunctions(`${param}.function_call`);
    if (isObject(message['audio'])) {
      throw new InvalidRequestError(
        `${param}.audio cannot be sent to this model: send the transcript as content.`,
        `${param}.audio`,
      );
    }
    const text = toTextBlocks(message.content, `${param}.content`);
    const refusal = asText(message.refusal);
    if (!isBlank(refusal)) text.push({ type: 'text', text: refusal });
    const calls = asList(message.tool_calls).map((call, index) => this.toolUse(call, `${param}.tool_calls[${index}]`));
    this.turns.push({
      role: 'assistant',
      content: [...thinkingBlocks(message), ...markLast([...text, ...calls], message)],
    });
  }

  private toolUse(call: unknown, param: string): AnthropicBlock {
    const { id, type, function: called } = asObject(call);
    if (typeof type === 'string' && type !== 'function') {
      throw new InvalidRequestError(
        `${param}.type "${type.slice(0, 80)}" cannot be translated for this model; only function calls can.`,
        `${param}.type`,
      );
    }
    const { name, arguments: text } = asObject(called);
    if (typeof name !== 'string' || name === '') {
      throw new InvalidRequestError(`${param}.function.name is missing.`, `${param}.function.name`);
    }
    if (typeof id !== 'string' || id === '') throw new InvalidRequestError(`${param}.id is missing.`, `${param}.id`);
    if (this.toolIds.has(id)) {
      throw new InvalidRequestError(
        `${param}.id "${id.slice(0, 80)}" is used twice; give every tool call its own id.`,
        `${param}.id`,
      );
    }
    const wireName = TOOL_NAME.test(name) ? name : name.slice(0, 128).replace(/[^a-zA-Z0-9_-]/g, '_');
    this.calledTools.add(wireName);
    this.pending.add(id);
    return withCacheControl(
      { type: 'tool_use', id: this.wireId(id), name: wireName, input: parseArguments(text) },
      asObject(call),
    );
  }

  /** The API takes letters, digits, `_` and `-` in ids; others are replaced, and the results follow. */
  private wireId(id: string): string {
    const plain = id.replace(/[^a-zA-Z0-9_-]/g, '_');
    let unique = plain;
    for (let suffix = 2; this.wireIds.has(unique); suffix += 1) unique = `${plain}_${suffix}`;
    this.wireIds.add(unique);
    this.toolIds.set(id, unique);
    return unique;
  }

  private addToolResult(message: ChatMessage, param: string): void {
    const { tool_call_id: id } = message;
    if (typeof id !== 'string' || id === '') {
      throw new InvalidRequestError(`${param}.tool_call_id is missing.`, `${param}.tool_call_id`);
    }
    const wireId = this.toolIds.get(id);
    if (wireId === undefined || !this.pending.delete(id)) return this.addOrphan(message, id, param);
    const result: AnthropicBlock = { type: 'tool_result', tool_use_id: wireId };
    const content = this.resultContent(message, param);
    if (content !== null) result['content'] = content;
    if (message['is_error'] === true) result['is_error'] = true;
    this.turns.push({ role: 'user', content: [withCacheControl(result, message)] });
  }

  /** Null: the tool said nothing. A string stays one. */
  private resultContent(message: ChatMessage, param: string): string | AnthropicBlock[] | null {
    const { content } = message;
    if (typeof content === 'string') return content === '' ? null : content;
    const blocks = toUserBlocks(content, `${param}.content`);
    this.usesFiles ||= blocks.some(refersToFile);
    return blocks.length === 0 ? null : blocks;
  }

  /** A result nobody asked for (a cut history): the API refuses it as a result, so it is told as text. */
  private addOrphan(message: ChatMessage, id: string, param: string): void {
    const label: AnthropicBlock = { type: 'text', text: `Result of tool call ${id.slice(0, 80)}:` };
    const blocks = this.userBlocks(message, param);
    if (blocks.length > 0) this.turns.push({ role: 'user', content: [label, ...blocks] });
  }

  private requireResults(param: string): void {
    if (this.pending.size === 0) return;
    const ids = [...this.pending].slice(0, 20).map((id) => `"${id.slice(0, 80)}"`);
    throw new InvalidRequestError(
      `These tool calls have no result before the next message: ${ids.join(', ')}. Add a message of role "tool" for each, directly after the assistant message.`,
      param,
    );
  }
}

const legacyFunctions = (param: string): InvalidRequestError =>
  new InvalidRequestError(
    `${param}: the legacy functions API cannot be translated for this model. Use tools and tool_calls.`,
    param,
  );

/** A breakpoint written on the message holds for its last block. */
function markLast(blocks: AnthropicBlock[], message: ChatMessage): AnthropicBlock[] {
  const last = blocks.at(-1);
  if (!last) return blocks;
  return [...blocks.slice(0, -1), withCacheControl(last, message)];
}

/**
 * Thinking that the gateway handed out in `thinking_blocks`, in its place before everything else. Blocks without a
 * signature (another provider's reasoning) are left out: the API verifies it.
 */
function thinkingBlocks(message: ChatMessage): AnthropicBlock[] {
  const blocks: AnthropicBlock[] = [];
  for (const block of asList(message['thinking_blocks'])) {
    const { type, thinking, signature, data } = asObject(block);
    if (type === 'thinking' && typeof thinking === 'string' && typeof signature === 'string' && signature !== '') {
      blocks.push({ type, thinking, signature });
    }
    if (type === 'redacted_thinking' && typeof data === 'string') blocks.push({ type, data });
  }
  return blocks;
}

/** Key under which arguments that are no JSON object are handed over. */
const RAW_ARGUMENTS = 'raw_arguments';

/** `tool_use.input` must be an object; what a model wrote wrongly is wrapped, so that the conversation can go on. */
function parseArguments(text: unknown): JsonObject {
  if (isObject(text)) return text;
  if (typeof text !== 'string' || isBlank(text)) return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : { [RAW_ARGUMENTS]: value };
  } catch {
    return { [RAW_ARGUMENTS]: text };
  }
}
