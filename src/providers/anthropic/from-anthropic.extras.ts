import type { JsonObject } from '../../core/chat';
import { asText, isObject } from './anthropic.wire';

/** Thinking kept for handing back, in characters; an answer with more goes without it. */
const MAX_KEPT_THINKING_CHARS = 2_000_000;
/** Citations kept of one answer. */
const MAX_KEPT_CITATIONS = 1_000;

/**
 * Gathers what an answer has beyond text and tool calls: signed thinking, so that the client can send it back, and
 * citations. All of it goes into extra fields of the message.
 */
export class AnswerExtras {
  private readonly thinkingBlocks: JsonObject[] = [];
  private thinkingChars = 0;
  private readonly annotations: JsonObject[] = [];
  private readonly citations: JsonObject[] = [];

  /** Thinking without a signature cannot be handed back and is not kept. */
  addThinking(block: { readonly thinking: string; readonly signature: string }): void {
    if (block.signature === '') return;
    this.thinkingChars += block.thinking.length + block.signature.length;
    this.thinkingBlocks.push({ type: 'thinking', thinking: block.thinking, signature: block.signature });
  }

  addRedactedThinking(data: unknown): void {
    if (typeof data !== 'string') return;
    this.thinkingChars += data.length;
    this.thinkingBlocks.push({ type: 'redacted_thinking', data });
  }

  /** `start` and `end` are the cited text's place in the content. */
  addCitation(citation: unknown, start: number, end: number): void {
    if (!isObject(citation) || this.annotations.length + this.citations.length >= MAX_KEPT_CITATIONS) return;
    const { url, title } = citation;
    if (typeof url !== 'string') {
      this.citations.push(citation);
      return;
    }
    this.annotations.push({
      type: 'url_citation',
      url_citation: { url, title: asText(title), start_index: start, end_index: end },
    });
  }

  /** Extra fields for a message or a delta; empty when there is nothing. */
  fields(): JsonObject {
    const hasThinking = this.thinkingBlocks.length > 0 && this.thinkingChars <= MAX_KEPT_THINKING_CHARS;
    return {
      ...(hasThinking ? { thinking_blocks: this.thinkingBlocks } : {}),
      ...(this.annotations.length > 0 ? { annotations: this.annotations } : {}),
      ...(this.citations.length > 0 ? { citations: this.citations } : {}),
    };
  }
}
