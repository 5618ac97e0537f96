import type { JsonObject } from '../../../core/chat';
import type { BlockWriter } from './from-canonical.blocks';
import { toolUseId } from './from-canonical.words';
import { asObject, asText } from './to-canonical.fields';

interface ToolCall {
  readonly order: number;
  id: string;
  name: string;
  /** All arguments so far; a call that waits has sent none of them on. */
  json: string;
}

/**
 * Orders the pieces of parallel tool calls, which OpenAI's dialect may interleave, into one block after the other. A call
 * gives way to the next when its arguments are complete JSON; until then the pieces of the others wait.
 */
export class ToolCallWriter {
  private readonly calls = new Map<number, ToolCall>();
  private readonly waiting: ToolCall[] = [];
  private current: ToolCall | null = null;
  private count = 0;

  constructor(private readonly blocks: BlockWriter) {}

  /** True once any call was begun. */
  get hasCalls(): boolean {
    return this.count > 0;
  }

  /** True while a call is open whose arguments are not complete: another block would cut it. */
  get isBusy(): boolean {
    return this.current !== null && !isCompleteJson(this.current.json);
  }

  push(value: unknown): JsonObject[] {
    const piece = asObject(value);
    const { name, arguments: json } = asObject(piece['function']);
    const call = this.callOf(piece, asText(name));
    call.json += asText(json);
    if (call.name === '') call.name = asText(name);
    if (call === this.current) return [...this.blocks.toolInput(asText(json)), ...this.advance()];
    return this.advance();
  }

  /** No more pieces: everything that waits is written. */
  finish(): JsonObject[] {
    const events: JsonObject[] = [];
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) events.push(...this.write(next));
    this.current = null;
    return events;
  }

  /** The call a piece belongs to. Some vendors leave the index out, or give every call the index 0. */
  private callOf(piece: JsonObject, name: string): ToolCall {
    const id = asText(piece['id']);
    const index = typeof piece['index'] === 'number' ? piece['index'] : this.indexWithout(id, name);
    const known = this.calls.get(index);
    if (known && (id === '' || known.id === '' || known.id === id)) {
      known.id ||= id;
      return known;
    }
    const call: ToolCall = { order: this.count, id, name: '', json: '' };
    this.count += 1;
    this.calls.set(index, call);
    this.waiting.push(call);
    return call;
  }

  private indexWithout(id: string, name: string): number {
    for (const [index, call] of this.calls) if (id !== '' && call.id === id) return index;
    return name === '' && id === '' ? Math.max(0, this.calls.size - 1) : this.calls.size;
  }

  private advance(): JsonObject[] {
    const events: JsonObject[] = [];
    for (;;) {
      const next = this.waiting[0];
      if (!next || next.name === '' || this.isBusy) return events;
      this.waiting.shift();
      events.push(...this.write(next));
    }
  }

  private write(call: ToolCall): JsonObject[] {
    this.current = call;
    return [...this.blocks.tool(toolUseId(call.id, call.order), call.name), ...this.blocks.toolInput(call.json)];
  }
}

function isCompleteJson(json: string): boolean {
  if (!json.trimEnd().endsWith('}')) return false;
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
