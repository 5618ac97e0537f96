import type { Random } from './random';

const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const WORD = `${LETTERS}${LETTERS.toUpperCase()}${DIGITS}_`;
const ESCAPED: Readonly<Record<string, string>> = { d: DIGITS, w: WORD, s: ' ', D: LETTERS, W: '-', S: LETTERS };
const MOST_REPEATS = 64;

/**
 * A text that matches a regular expression of the simple kind found in schemas: literals, classes, groups,
 * alternatives, counts. `null` when the expression uses more than that, or is not one.
 */
export function patternText(pattern: string, random: Random): string | null {
  try {
    const text = new PatternReader(pattern, random).read();
    return text !== null && new RegExp(pattern, 'u').test(text) ? text : null;
  } catch {
    // Not an expression, or one outside the subset: the caller fills in a plain text.
    return null;
  }
}

class PatternReader {
  private index = 0;

  constructor(
    private readonly pattern: string,
    private readonly random: Random,
  ) {}

  read(): string | null {
    const text = this.alternatives();
    return this.index === this.pattern.length ? text : null;
  }

  /** The first alternative is written; the others are read and dropped. */
  private alternatives(): string {
    const first = this.sequence();
    while (this.peek() === '|') {
      this.index += 1;
      this.sequence();
    }
    return first;
  }

  private sequence(): string {
    let text = '';
    while (this.index < this.pattern.length && this.peek() !== '|' && this.peek() !== ')') {
      const start = this.index;
      let piece = this.atom();
      const end = this.index;
      const count = this.count();
      const after = this.index;
      if (count === 0) piece = '';
      for (let repeat = 1; repeat < count; repeat += 1) {
        this.index = start;
        piece += this.atom();
        this.index = end;
      }
      this.index = after;
      text += piece;
    }
    return text;
  }

  private atom(): string {
    const character = this.take();
    if (character === '^' || character === '$') return '';
    if (character === '.') return this.random.pick(Array.from(LETTERS));
    if (character === '[') return this.random.pick(Array.from(this.classMembers()));
    if (character === '\\') return this.escape();
    if (character === '(') return this.group();
    return character;
  }

  private group(): string {
    if (this.pattern.startsWith('?:', this.index)) this.index += 2;
    else if (this.peek() === '?') throw new SyntaxError('lookaround');
    const text = this.alternatives();
    if (this.take() !== ')') throw new SyntaxError('open group');
    return text;
  }

  private escape(): string {
    const character = this.take();
    const members = ESCAPED[character];
    if (members !== undefined) return this.random.pick(Array.from(members));
    if (/[a-zA-Z0-9]/.test(character)) throw new SyntaxError('escape');
    return character;
  }

  private classMembers(): string {
    if (this.peek() === '^') throw new SyntaxError('negated class');
    let members = '';
    while (this.peek() !== ']') {
      const from = this.take();
      if (from === '\\') {
        const escaped = this.take();
        members += ESCAPED[escaped] ?? escaped;
      } else if (this.peek() === '-' && this.pattern[this.index + 1] !== ']') {
        this.index += 1;
        members += between(from, this.take());
      } else members += from;
    }
    this.index += 1;
    return members;
  }

  private count(): number {
    const rest = this.pattern.slice(this.index);
    const exact = /^\{(\d+)(?:,\d*)?\}\??/.exec(rest);
    if (exact !== null) {
      this.index += exact[0].length;
      return Math.min(Number(exact[1]), MOST_REPEATS);
    }
    const sign = /^[*+?]\??/.exec(rest);
    if (sign === null) return 1;
    this.index += sign[0].length;
    return 1;
  }

  private peek(): string {
    return this.pattern[this.index] ?? '';
  }

  private take(): string {
    const character = this.pattern[this.index];
    if (character === undefined) throw new SyntaxError('end of pattern');
    this.index += 1;
    return character;
  }
}

function between(from: string, to: string): string {
  let text = '';
  for (let code = from.charCodeAt(0); code <= to.charCodeAt(0) && text.length < 512; code += 1)
    text += String.fromCharCode(code);
  return text;
}
