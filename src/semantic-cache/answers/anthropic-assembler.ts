import type { JsonObject } from '../../core/chat';
import type { FinishReason, JsonReply, StreamEvent } from '../../core/reply';
import type { TokenUsage } from '../../core/tokens';
import type { Assembler, Echo } from './assembler';
import { messageEvent } from './replay-anthropic';

type Block = Record<string, unknown> & { type: string };
type Data = JsonObject & { type: string };

const asObject = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null ? (value as JsonObject) : {};

/** Where the pieces of a block go, by the type of the delta. */
const PIECES: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'signature',
};

/** A piece of a block. */
interface Piece {
  readonly index: number;
  readonly type: string;
  readonly text: string;
}

/** What a message was made of, in order: the start or the stop of a block, or a piece of it. */
type Step = { readonly data: Data; readonly piece?: never } | { readonly piece: Piece };

/** A message out of its events. */
export class AnthropicAssembler implements Assembler {
  private start: Data | null = null;
  private message: JsonObject | null = null;
  private ending: Data | null = null;
  /** As they began. */
  private readonly blocks = new Map<number, Block>();
  private readonly steps: Step[] = [];
  private finish: FinishReason = 'other';
  private usage: TokenUsage | null = null;

  add({ data, finish, usage }: StreamEvent): boolean {
    this.usage = usage ?? this.usage;
    if (data === null) return true;
    this.finish = finish ?? this.finish;
    switch (data['type']) {
      case 'message_start':
        this.start = data as Data;
        this.message = { ...asObject(data['message']) };
        return true;
      case 'content_block_start':
        return this.startBlock(data as Data);
      case 'content_block_delta':
        return this.addPiece(data);
      case 'content_block_stop':
        this.steps.push({ data: data as Data });
        return true;
      case 'message_delta':
        return this.endMessage(data as Data);
      case 'message_stop':
      case 'ping':
        return true;
      default:
        return false;
    }
  }

  complete(): Pick<JsonReply, 'value' | 'finish'> | null {
    if (!this.message || typeof this.message['stop_reason'] !== 'string') return null;
    const texts = this.texts();
    const content = [...this.blocks]
      .sort(([left], [right]) => left - right)
      .map(([index, block]) => withTexts(block, texts.get(index)));
    return { value: { ...this.message, content }, finish: this.finish };
  }

  echo(): Echo {
    let hasBegun = false;
    let said = 0;
    const more = (): StreamEvent[] => {
      if (!this.start) return [];
      const events = hasBegun ? [] : [messageEvent('lifecycle', this.start)];
      hasBegun = true;
      while (said < this.steps.length) {
        const { data, piece } = this.steps[said] as { data?: Data; piece?: Piece };
        const joined = piece ? this.piecesFrom(said, piece) : [''];
        events.push(piece ? deltaEvent(piece, joined.join('')) : messageEvent('lifecycle', data!));
        said += joined.length;
      }
      return events;
    };
    const end = (): StreamEvent[] => {
      const { ending, usage, finish } = this;
      if (!ending) return [];
      return [messageEvent('usage', ending, { usage, finish }), messageEvent('end', { type: 'message_stop' })];
    };
    return { more, end };
  }

  /** The texts from a step on that go to the same place. */
  private piecesFrom(step: number, { index, type }: Piece): string[] {
    const texts: string[] = [];
    for (let at = step; at < this.steps.length; at += 1) {
      const { piece } = this.steps[at]!;
      if (piece?.index !== index || piece.type !== type) break;
      texts.push(piece.text);
    }
    return texts;
  }

  /** By block and field. */
  private texts(): Map<number, Map<string, string[]>> {
    const texts = new Map<number, Map<string, string[]>>();
    for (const { piece } of this.steps) {
      if (!piece) continue;
      const { index, type, text } = piece;
      const fields = texts.get(index) ?? new Map<string, string[]>();
      texts.set(index, fields);
      const field = PIECES[type]!;
      const known = fields.get(field);
      if (known) known.push(text);
      else fields.set(field, [text]);
    }
    return texts;
  }

  private startBlock(data: Data): boolean {
    const { index, content_block: content } = data;
    const block = asObject(content);
    const isKnown = block['type'] === 'text' || block['type'] === 'thinking';
    if (!isKnown || typeof index !== 'number' || this.blocks.has(index)) return false;
    this.blocks.set(index, block as Block);
    this.steps.push({ data });
    return true;
  }

  private addPiece({ index, delta }: JsonObject): boolean {
    const piece = asObject(delta);
    const type = String(piece['type']);
    const field = PIECES[type];
    const text = field === undefined ? undefined : piece[field];
    if (!this.blocks.has(Number(index)) || typeof text !== 'string') return false;
    this.steps.push({ piece: { index: Number(index), type, text } });
    return true;
  }

  /** The last usage has the totals; what it does not repeat stands in the first. */
  private endMessage(data: Data): boolean {
    if (!this.message) return false;
    const { delta, usage } = data;
    const first = asObject(this.message['usage']);
    this.message = { ...this.message, ...asObject(delta), usage: { ...first, ...asObject(usage) } };
    this.ending = data;
    return true;
  }
}

function withTexts(block: Block, texts: ReadonlyMap<string, readonly string[]> = new Map()): Block {
  const whole: Block = { ...block };
  for (const [field, pieces] of texts) {
    const before = block[field];
    whole[field] = `${typeof before === 'string' ? before : ''}${pieces.join('')}`;
  }
  return whole;
}

function deltaEvent({ index, type }: Piece, text: string): StreamEvent {
  const delta = { type, [PIECES[type]!]: text };
  const facts = type === 'signature_delta' ? {} : { text };
  return messageEvent('content', { type: 'content_block_delta', index, delta }, facts);
}
