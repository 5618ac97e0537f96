import type { JsonObject } from '../../core/chat';
import type { FinishReason, JsonReply, StreamEvent } from '../../core/reply';
import { holdsOnly } from './storable';
import type { Assembler } from './assembler';

const CHOICE: ReadonlySet<string> = new Set(['index', 'delta', 'finish_reason']);
const TEXTS = ['content', 'reasoning_content', 'reasoning'] as const;
const DELTA: ReadonlySet<string> = new Set(['role', ...TEXTS]);

/** Of one chunk only. */
const NOT_KEPT: ReadonlySet<string> = new Set(['choices', 'usage', 'object', 'obfuscation']);

/** A chat completion out of its chunks. */
export class OpenAiAssembler implements Assembler {
  private head: JsonObject | null = null;
  private readonly texts: Record<string, string> = {};
  private finishWord: string | null = null;
  private finish: FinishReason = 'other';
  private usage: unknown = null;

  add({ data, finish }: StreamEvent): boolean {
    if (data === null) return true;
    this.head ??= headOf(data);
    this.usage = data['usage'] ?? this.usage;
    this.finish = finish ?? this.finish;
    const choices = data['choices'];
    if (choices === undefined) return true;
    if (!Array.isArray(choices)) return false;
    return choices.every((choice) => this.addChoice(choice));
  }

  complete(): Pick<JsonReply, 'value' | 'finish'> | null {
    if (!this.head || this.finishWord === null) return null;
    const message: JsonObject = { role: 'assistant', ...this.texts, refusal: null };
    const choice = { index: 0, message, logprobs: null, finish_reason: this.finishWord };
    const usage = this.usage === null ? {} : { usage: this.usage };
    return { value: { ...this.head, choices: [choice], ...usage }, finish: this.finish };
  }

  private addChoice(choice: unknown): boolean {
    if (typeof choice !== 'object' || choice === null) return false;
    const { index, delta, finish_reason: finishWord } = choice as JsonObject;
    const pieces = (delta ?? {}) as JsonObject;
    if ((index ?? 0) !== 0 || !holdsOnly(choice as JsonObject, CHOICE) || !holdsOnly(pieces, DELTA)) return false;
    if (typeof finishWord === 'string') this.finishWord = finishWord;
    return TEXTS.every((name) => this.addText(name, pieces[name]));
  }

  private addText(name: string, piece: unknown): boolean {
    if (piece === undefined || piece === null) return true;
    if (typeof piece !== 'string') return false;
    if (piece !== '' || name === 'content') this.texts[name] = (this.texts[name] ?? '') + piece;
    return true;
  }
}

function headOf(chunk: JsonObject): JsonObject {
  const head: JsonObject = {};
  for (const [key, value] of Object.entries(chunk)) if (!NOT_KEPT.has(key)) head[key] = value;
  return { ...head, object: 'chat.completion' };
}
