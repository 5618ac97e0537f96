import type { JsonObject } from '../../core/chat';
import type { FinishReason, JsonReply, StreamEvent } from '../../core/reply';
import type { TokenUsage } from '../../core/tokens';
import type { Assembler, Echo } from './assembler';
import { CompletionChunks } from './replay-openai';
import { holdsOnly } from './storable';

const CHOICE: ReadonlySet<string> = new Set(['index', 'delta', 'finish_reason']);
const TEXTS = ['content', 'reasoning_content', 'reasoning'] as const;
const DELTA: ReadonlySet<string> = new Set(['role', ...TEXTS]);

/** Of one chunk only. */
const NOT_KEPT: ReadonlySet<string> = new Set(['choices', 'usage', 'object', 'obfuscation']);

/** A chat completion out of its chunks. */
export class OpenAiAssembler implements Assembler {
  private head: JsonObject | null = null;
  private readonly pieces: (readonly [name: string, text: string])[] = [];
  private hasContent = false;
  private finishWord: string | null = null;
  private finish: FinishReason = 'other';
  private usage: unknown = null;
  private counted: TokenUsage | null = null;

  add({ data, finish, usage }: StreamEvent): boolean {
    this.counted = usage ?? this.counted;
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
    const message: JsonObject = { role: 'assistant', ...this.texts(), refusal: null };
    const choice = { index: 0, message, logprobs: null, finish_reason: this.finishWord };
    const usage = this.usage === null ? {} : { usage: this.usage };
    return { value: { ...this.head, choices: [choice], ...usage }, finish: this.finish };
  }

  echo(includeUsage: boolean): Echo {
    let chunks: CompletionChunks | null = null;
    let said = 0;
    const more = (): StreamEvent[] => {
      if (!this.head) return [];
      const events: StreamEvent[] = [];
      if (!chunks) events.push((chunks = new CompletionChunks(this.head, includeUsage)).begin());
      while (said < this.pieces.length) {
        const [name] = this.pieces[said]!;
        const texts: string[] = [];
        for (; this.pieces[said]?.[0] === name; said += 1) texts.push(this.pieces[said]![1]);
        events.push(chunks.text(name, texts.join('')));
      }
      return events;
    };
    const end = (): StreamEvent[] => {
      const { finishWord, finish, usage: figures, counted: usage } = this;
      return chunks && finishWord !== null ? [...chunks.end({ finishWord, finish, figures, usage })] : [];
    };
    return { more, end };
  }

  private texts(): Record<string, string> {
    const texts: Record<string, string[]> = {};
    for (const [name, text] of this.pieces) (texts[name] ??= []).push(text);
    return Object.fromEntries(Object.entries(texts).map(([name, all]) => [name, all.join('')]));
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
    // No text is an answer too, and is said once.
    const isFirst = name === 'content' && !this.hasContent;
    this.hasContent ||= name === 'content';
    if (piece !== '' || isFirst) this.pieces.push([name, piece]);
    return true;
  }
}

function headOf(chunk: JsonObject): JsonObject {
  const head: JsonObject = {};
  for (const [key, value] of Object.entries(chunk)) if (!NOT_KEPT.has(key)) head[key] = value;
  return { ...head, object: 'chat.completion' };
}
