const MEMBER = '"content":"';
/** A stream whose chunks differ in more than their text is not worth more looks. */
const MAX_LOOKS = 3;

/**
 * What the chunks of one stream have in common around their text. A chunk that differs from one already parsed in nothing
 * but an unescaped text has that text and says nothing else, so it need not be parsed: most of a stream is such chunks.
 */
export class ChunkTemplate {
  private head: string | null = null;
  private tail = '';
  private looks = 0;

  /** Remembers a chunk whose delta was nothing but `content`. */
  learn(json: string, content: string): void {
    if (this.looks >= MAX_LOOKS) return;
    this.looks += 1;
    const start = json.indexOf(MEMBER);
    // The only member of this name: inside a string its quotes would be escaped.
    if (start < 0 || start !== json.lastIndexOf(MEMBER)) return;
    const from = start + MEMBER.length;
    const to = from + content.length;
    if (json.slice(from, to) !== content || json[to] !== '"' || needsParsing(content)) return;
    this.head = json.slice(0, from);
    this.tail = json.slice(to);
  }

  /** The text of a chunk that differs in its text only; null: it has to be parsed. */
  textOf(json: string): string | null {
    const { head, tail } = this;
    if (head === null || json.length <= head.length + tail.length) return null;
    if (!json.startsWith(head) || !json.endsWith(tail)) return null;
    const text = json.slice(head.length, json.length - tail.length);
    return needsParsing(text) ? null : text;
  }
}

const [QUOTE, BACKSLASH, FIRST_PRINTABLE] = [0x22, 0x5c, 0x20];

/** Whether a text has what JSON escapes in a string, or must not have in one. */
function needsParsing(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE || code === BACKSLASH || code < FIRST_PRINTABLE) return true;
  }
  return false;
}
