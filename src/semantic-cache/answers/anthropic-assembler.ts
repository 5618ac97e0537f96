import type { JsonObject } from '../../core/chat';
import type { FinishReason, JsonReply, StreamEvent } from '../../core/reply';
import type { Assembler } from './assembler';

type Block = Record<string, unknown> & { type: string };

const asObject = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null ? (value as JsonObject) : {};

/** Where the pieces of a block go, by the type of the delta. */
const PIECES: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'signature',
};

/** A message out of its events. */
export class AnthropicAssembler implements Assembler {
  private message: JsonObject | null = null;
  private readonly blocks = new Map<number, Block>();
  private finish: FinishReason = 'other';

  add({ data, finish }: StreamEvent): boolean {
    if (data === null) return true;
    this.finish = finish ?? this.finish;
    switch (data['type']) {
      case 'message_start':
        this.message = { ...asObject(data['message']) };
        return true;
      case 'content_block_start':
        return this.startBlock(data);
      case 'content_block_delta':
        return this.addPiece(data);
      case 'message_delta':
        return this.endMessage(data);
      case 'content_block_stop':
      case 'message_stop':
      case 'ping':
        return true;
      default:
        return false;
    }
  }

  complete(): Pick<JsonReply, 'value' | 'finish'> | null {
    if (!this.message || typeof this.message['stop_reason'] !== 'string') return null;
    const content = [...this.blocks].sort(([left], [right]) => left - right).map(([, block]) => block);
    return { value: { ...this.message, content }, finish: this.finish };
  }

  private startBlock({ index, content_block: content }: JsonObject): boolean {
    const block = asObject(content);
    const isKnown = block['type'] === 'text' || block['type'] === 'thinking';
    if (!isKnown || typeof index !== 'number' || this.blocks.has(index)) return false;
    this.blocks.set(index, { ...block } as Block);
    return true;
  }

  private addPiece({ index, delta }: JsonObject): boolean {
    const block = this.blocks.get(Number(index));
    const piece = asObject(delta);
    const field = PIECES[String(piece['type'])];
    if (!block || field === undefined || typeof piece[field] !== 'string') return false;
    block[field] = `${typeof block[field] === 'string' ? block[field] : ''}${piece[field]}`;
    return true;
  }

  /** The last usage has the totals; what it does not repeat stands in the first. */
  private endMessage({ delta, usage }: JsonObject): boolean {
    if (!this.message) return false;
    const first = asObject(this.message['usage']);
    this.message = { ...this.message, ...asObject(delta), usage: { ...first, ...asObject(usage) } };
    return true;
  }
}
