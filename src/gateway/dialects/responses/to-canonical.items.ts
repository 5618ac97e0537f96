import type { ChatContentPart, ChatMessage, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { asText, requireObject, requireText } from '../anthropic/to-canonical.fields';
import { openThinking } from './thinking-seal';
import { assistantContent, partsOf, toContent, userPart } from './to-canonical.parts';

/** What OpenAI did itself in earlier turns: the words around it stay in the history. */
const DONE_AT_OPENAI: ReadonlySet<unknown> = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'mcp_list_tools',
  'mcp_call',
  'mcp_approval_request',
  'mcp_approval_response',
  'tool_search_call',
  'tool_search_output',
  'compaction',
]);

/** The conversation as chat messages. A string is one user message. */
export function toCanonicalMessages(input: unknown): ChatMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  if (!Array.isArray(input) || input.length === 0) {
    throw new InvalidRequestError('"input" is required and must be a string or a non-empty list of items.', 'input');
  }
  const conversation = new Conversation();
  input.forEach((value: unknown, index) => {
    const param = `input[${index}]`;
    conversation.add(requireObject(value, param), param);
  });
  return conversation.end();
}

/** Collects items into messages: calls join the assistant message they belong to, media of results follow all results. */
class Conversation {
  private readonly messages: ChatMessage[] = [];
  private held: ChatContentPart[] = [];

  add(item: JsonObject, param: string): void {
    const { type } = item;
    if (type === 'function_call_output') {
      this.result(item, param);
      return;
    }
    this.releaseMedia();
    if (type === 'function_call') this.call(item, param);
    else if (type === 'reasoning') this.reasoning(item);
    else if (type === undefined || type === null || type === 'message') this.message(item, param);
    else if (!DONE_AT_OPENAI.has(type)) throw notElsewhere(type, param);
  }

  end(): ChatMessage[] {
    this.releaseMedia();
    return this.messages.filter(
      ({ role, content, tool_calls: calls, refusal }) => role !== 'assistant' || content || calls || refusal,
    );
  }

  private message(item: JsonObject, param: string): void {
    const { role, content } = item;
    const place = `${param}.content`;
    if (role === 'assistant') {
      Object.assign(this.assistant(true), assistantContent(content, place));
      return;
    }
    if (role !== 'user' && role !== 'system' && role !== 'developer') {
      throw new InvalidRequestError(`${param}.role must be user, assistant, system or developer.`, `${param}.role`);
    }
    this.messages.push({ role, content: toContent(partsOf(content, place, userPart)) });
  }

  private call({ call_id: id, name, arguments: text }: JsonObject, param: string): void {
    const message = this.assistant(false);
    message.tool_calls ??= [];
    message.tool_calls.push({
      id: requireText(id, `${param}.call_id`),
      type: 'function',
      function: { name: requireText(name, `${param}.name`), arguments: asText(text) },
    });
  }

  private result({ call_id: id, output }: JsonObject, param: string): void {
    const callId = requireText(id, `${param}.call_id`);
    const parts = partsOf(output, `${param}.output`, userPart);
    const words = parts.filter(({ type }) => type === 'text');
    const media = parts.filter(({ type }) => type !== 'text');
    // Chat knows only text in a result: images and files come after, named by their call.
    const content = words.length > 0 || media.length === 0 ? toContent(words) : 'See the attachment that follows.';
    this.messages.push({ role: 'tool', tool_call_id: callId, content });
    if (media.length > 0) this.held.push({ type: 'text', text: `Attachment of result ${callId}:` }, ...media);
  }

  private reasoning(item: JsonObject): void {
    const blocks = openThinking(item['encrypted_content']);
    if (blocks === null) return;
    this.messages.push({ role: 'assistant', content: null, thinking_blocks: blocks });
  }

  /** The assistant message that is being told: the last one, unless it already has words and more words come. */
  private assistant(forWords: boolean): ChatMessage {
    const last = this.messages.at(-1);
    const isTaken = forWords && (last?.content !== null || last.tool_calls !== undefined);
    if (last?.role === 'assistant' && !isTaken) return last;
    const message: ChatMessage = { role: 'assistant', content: null };
    this.messages.push(message);
    return message;
  }

  private releaseMedia(): void {
    if (this.held.length === 0) return;
    this.messages.push({ role: 'user', content: this.held });
    this.held = [];
  }
}

function notElsewhere(type: unknown, param: string): InvalidRequestError {
  const reason =
    type === 'item_reference'
      ? 'points to an item that is kept at OpenAI: send the item itself'
      : 'works at OpenAI only: leave it out';
  return new InvalidRequestError(
    `${param}.type "${asText(type).slice(0, 80)}" ${reason}, or ask for a model of an OpenAI provider.`,
    `${param}.type`,
  );
}
