import type { JsonObject } from '../core/chat';
import type { AnswerObserver } from '../core/context';
import type { JsonReply, StreamEvent } from '../core/reply';

/** Beyond what is kept, so that what stands across the end is still recognised. */
const OVERLAP = 2_048;
/** Choices of one request whose words are kept apart. */
const MAX_CHOICES = 16;

/** What is answered, read along as it passes: bounded, and nothing but text is put together. */
export class TranscriptDraft implements AnswerObserver {
  private reply: JsonReply | null = null;
  private readonly texts: string[] = [];

  constructor(
    private readonly maxCharacters: number,
    private readonly choices: () => number,
  ) {}

  answered(reply: JsonReply): void {
    this.reply = reply;
  }

  observe(event: StreamEvent): void {
    const data = event.isTextOnly === true ? null : event.data;
    if (data) for (const name of calledIn(data)) this.add(this.choiceOf(event), `\n[calls ${name}] `);
    if (event.text !== '') this.add(this.choiceOf(event), event.text);
  }

  /** The body of the answer, or the words of a stream, one text for each choice; null when there was none. */
  answer(): unknown {
    if (this.reply) return this.reply.dialect === 'embeddings' ? null : this.reply.value;
    const texts = this.texts.map((text) => text.trim());
    return texts.length <= 1 ? (texts[0] ?? null) : texts;
  }

  /** About how much memory the answer holds. */
  size(): number {
    if (this.reply) return this.reply.raw?.length ?? (this.reply.usage?.outputTokens ?? 1_000) * 8;
    return this.texts.reduce((sum, text) => sum + text.length * 2, 0);
  }

  private add(choice: number, text: string): void {
    for (let index = this.texts.length; index <= choice; index += 1) this.texts.push('');
    const known = this.texts[choice] ?? '';
    if (known.length < this.maxCharacters + OVERLAP) this.texts[choice] = known + text;
  }

  private choiceOf(event: StreamEvent): number {
    if (this.choices() <= 1) return 0;
    const choices = event.data?.['choices'];
    const index = Array.isArray(choices) ? (choices[0] as JsonObject | undefined)?.['index'] : 0;
    return typeof index === 'number' && index > 0 && index < MAX_CHOICES ? index : 0;
  }
}

/** Names of the tools whose call begins here, in any of the dialects. */
function calledIn(data: JsonObject): string[] {
  const [choice] = listOf(data['choices']);
  const calls = listOf(objectOf(choice?.['delta'])?.['tool_calls']);
  const block =
    objectOf(data['content_block']) ?? (data['type'] === 'response.output_item.added' ? objectOf(data['item']) : null);
  return [...calls.map((call) => objectOf(call['function'])?.['name']), block?.['name']].filter(
    (name): name is string => typeof name === 'string' && name !== '',
  );
}

const objectOf = (value: unknown): JsonObject | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;

const listOf = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter((each): each is JsonObject => objectOf(each) !== null) : [];
