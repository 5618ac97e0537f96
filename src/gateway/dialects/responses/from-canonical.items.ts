import type { JsonObject } from '../../../core/chat';
import { sealThinking } from './thinking-seal';

/** Puts an event into the stream; adds its type and number. */
export type Emit = (type: string, fields: JsonObject) => void;

/** Where an item stands in the answer, and how it tells about itself. */
export interface ItemPlace {
  readonly emit: Emit;
  readonly outputIndex: number;
  /** Of the response, for the item's own id. */
  readonly responseId: string;
}

type ItemStatus = 'completed' | 'incomplete';

/** An item of the answer while it is being written. */
abstract class OpenItem {
  protected readonly id: string;
  isDone = false;

  constructor(
    protected readonly place: ItemPlace,
    prefix: string,
  ) {
    this.id = `${prefix}_${place.responseId}_${place.outputIndex}`;
  }

  protected emit(type: string, fields: JsonObject): void {
    this.place.emit(`response.${type}`, { item_id: this.id, output_index: this.place.outputIndex, ...fields });
  }

  protected added(item: JsonObject): void {
    this.place.emit('response.output_item.added', { output_index: this.place.outputIndex, item });
  }

  protected finished(item: JsonObject): JsonObject {
    this.isDone = true;
    this.place.emit('response.output_item.done', { output_index: this.place.outputIndex, item });
    return item;
  }

  /** Ends the item and gives it whole. */
  abstract close(status: ItemStatus): JsonObject;
}

/** What the model thought, as a summary. */
export class ReasoningItem extends OpenItem {
  private text = '';
  private isSummaryOpen = false;
  private readonly blocks: unknown[] = [];

  constructor(place: ItemPlace) {
    super(place, 'rs');
    this.added({ id: this.id, type: 'reasoning', summary: [] });
  }

  add(delta: string): void {
    if (!this.isSummaryOpen && this.text === '') {
      this.isSummaryOpen = true;
      this.emit('reasoning_summary_part.added', { summary_index: 0, part: { type: 'summary_text', text: '' } });
    }
    this.text += delta;
    this.emit('reasoning_summary_text.delta', { summary_index: 0, delta });
  }

  /** Signed thinking that a later call needs back. */
  keep(blocks: readonly unknown[]): void {
    this.blocks.push(...blocks);
  }

  closeSummary(): void {
    if (!this.isSummaryOpen) return;
    this.isSummaryOpen = false;
    this.emit('reasoning_summary_text.done', { summary_index: 0, text: this.text });
    this.emit('reasoning_summary_part.done', { summary_index: 0, part: { type: 'summary_text', text: this.text } });
  }

  override close(): JsonObject {
    this.closeSummary();
    const summary = this.text === '' ? [] : [{ type: 'summary_text', text: this.text }];
    const sealed = this.blocks.length > 0 ? { encrypted_content: sealThinking(this.blocks) } : {};
    return this.finished({ id: this.id, type: 'reasoning', summary, ...sealed });
  }
}

interface OpenPart {
  readonly kind: 'output_text' | 'refusal';
  text: string;
  readonly annotations: JsonObject[];
  readonly logprobs: unknown[];
}

/** What the model says: parts of text and refusal, one open at a time. */
export class MessageItem extends OpenItem {
  private readonly content: JsonObject[] = [];
  private part: OpenPart | null = null;

  constructor(place: ItemPlace) {
    super(place, 'msg');
    this.added(this.item('in_progress'));
  }

  add(kind: OpenPart['kind'], delta: string, logprobs: readonly unknown[]): void {
    const part = this.open(kind);
    part.text += delta;
    part.logprobs.push(...logprobs);
    const extra = kind === 'output_text' ? { logprobs } : {};
    this.emit(`${kind}.delta`, { content_index: this.content.length, delta, ...extra });
  }

  /** Citations come last; those that come after the item is done are found in the whole answer only. */
  annotate(annotations: readonly JsonObject[]): void {
    if (this.part?.kind !== 'output_text') {
      const text = this.content.findLast(({ type }) => type === 'output_text');
      if (Array.isArray(text?.['annotations'])) text['annotations'].push(...annotations);
      return;
    }
    const { part } = this;
    for (const annotation of annotations) {
      const place = { content_index: this.content.length, annotation_index: part.annotations.length };
      part.annotations.push(annotation);
      this.emit('output_text.annotation.added', { ...place, annotation });
    }
  }

  override close(status: ItemStatus): JsonObject {
    if (this.content.length === 0) this.open(this.part?.kind ?? 'output_text');
    this.closePart();
    return this.finished(this.item(status));
  }

  private open(kind: OpenPart['kind']): OpenPart {
    if (this.part?.kind === kind) return this.part;
    this.closePart();
    const part = { kind, text: '', annotations: [], logprobs: [] };
    this.part = part;
    this.emit('content_part.added', { content_index: this.content.length, part: partObject(part) });
    return part;
  }

  private closePart(): void {
    const { part } = this;
    if (!part) return;
    const content_index = this.content.length;
    const whole = part.kind === 'refusal' ? { refusal: part.text } : { text: part.text, logprobs: part.logprobs };
    this.emit(`${part.kind}.done`, { content_index, ...whole });
    const object = partObject(part);
    this.emit('content_part.done', { content_index, part: object });
    this.content.push(object);
    this.part = null;
  }

  private item(status: string): JsonObject {
    return { id: this.id, type: 'message', status, role: 'assistant', content: [...this.content] };
  }
}

const partObject = ({ kind, text, annotations, logprobs }: OpenPart): JsonObject =>
  kind === 'refusal'
    ? { type: kind, refusal: text }
    : { type: kind, text, annotations: [...annotations], logprobs: [...logprobs] };

/** A call of one of the client's functions. */
export class CallItem extends OpenItem {
  private text = '';

  constructor(
    place: ItemPlace,
    private readonly callId: string,
    private readonly name: string,
  ) {
    super(place, 'fc');
    this.added(this.item('in_progress', ''));
  }

  add(delta: string): void {
    if (delta === '') return;
    this.text += delta;
    this.emit('function_call_arguments.delta', { delta });
  }

  override close(status: ItemStatus): JsonObject {
    // A call without arguments has an empty object, never nothing.
    if (this.text === '') this.add('{}');
    this.emit('function_call_arguments.done', { name: this.name, arguments: this.text });
    return this.finished(this.item(status, this.text));
  }

  private item(status: string, text: string): JsonObject {
    return { id: this.id, type: 'function_call', status, call_id: this.callId, name: this.name, arguments: text };
  }
}
