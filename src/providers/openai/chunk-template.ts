const MEMBER = '"content":"';
/** However it is written; inside a string its quotes would be escaped. */
const ANY_MEMBER = /"content"\s*:/g;
/** A stream whose chunks differ in more than their text is not worth more looks. */
const MAX_LOOKS = 3;

/** How servers write an event that has no name; one written otherwise is parsed. */
const [BEFORE, AFTER] = ['data: ', '\n\n'];

const NOTHING = Buffer.alloc(0);
/** Where texts are put together; of no use after that. */
const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);

/** Chunks of which each adds to the same text. */
interface ChunkRun {
  /** Offset behind the last. */
  readonly end: number;
  /** All they add. */
  readonly text: string;
  /** The one chunk that would have added it. */
  readonly json: string;
}

/**
 * What the chunks of one stream have in common around their text. A chunk that differs from one already parsed in nothing
 * but an unescaped text has that text and says nothing else, so it need not be parsed: most of a stream is such chunks.
 */
export class ChunkTemplate {
  private head = '';
  private tail = '';
  /** From the beginning of an event to its text. */
  private before: Buffer | null = null;
  /** From a text to the end of its event. */
  private after: Buffer = NOTHING;
  /** From a text to the next one. */
  private between: Buffer = NOTHING;
  private looks = 0;

  /** Remembers a chunk whose delta was nothing but `content`. */
  learn(json: string, content: string): void {
    if (this.looks >= MAX_LOOKS) return;
    this.looks += 1;
    const start = json.indexOf(MEMBER);
    // The only member of this name, in one line of the event.
    if (start < 0 || json.match(ANY_MEMBER)?.length !== 1 || json.includes('\n')) return;
    const from = start + MEMBER.length;
    const to = from + content.length;
    if (json.slice(from, to) !== content || json[to] !== '"') return;
    this.head = json.slice(0, from);
    this.tail = json.slice(to);
    this.before = Buffer.from(BEFORE + this.head);
    this.after = Buffer.from(this.tail + AFTER);
    this.between = Buffer.concat([this.after, this.before]);
  }

  /** The chunks from `start` on, one right behind the other, that differ in their text only; null: there is none. */
  runAt(bytes: Buffer, start: number): ChunkRun | null {
    const { before, after, between } = this;
    if (before === null || !isAt(bytes, start, before)) return null;
    const room = bytes.length - start;
    const texts = room > SCRATCH.length ? Buffer.allocUnsafe(room) : SCRATCH;
    let [end, length] = [start, 0];
    for (let from = start + before.length; ;) {
      const quote = copyText(bytes, from, texts, length);
      const isAnother = quote > from && isAt(bytes, quote, between);
      if (quote <= from || !(isAnother || isAt(bytes, quote, after))) break;
      length += quote - from;
      end = quote + after.length;
      if (!isAnother) break;
      from = end + before.length;
    }
    if (end === start) return null;
    const text = texts.toString('utf8', 0, length);
    return { end, text, json: this.head + text + this.tail };
  }
}

const isAt = (bytes: Buffer, at: number, part: Buffer): boolean =>
  bytes.length - at >= part.length && bytes.compare(part, 0, part.length, at, at + part.length) === 0;

const [QUOTE, BACKSLASH, FIRST_PRINTABLE] = [0x22, 0x5c, 0x20];

/** Copies a text up to the quote that ends it, whose place it tells; -1 when it has what JSON escapes, or must not have, in one. */
function copyText(bytes: Buffer, from: number, target: Buffer, at: number): number {
  for (let index = from, to = at; index < bytes.length; index += 1, to += 1) {
    const byte = bytes[index]!;
    if (byte === QUOTE) return index;
    if (byte === BACKSLASH || byte < FIRST_PRINTABLE) return -1;
    target[to] = byte;
  }
  return -1;
}
