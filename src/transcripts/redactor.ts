import { KNOWN_SECRETS, type RedactionRule } from './known-secrets';
import type { TranscriptsConfig } from './transcripts.config';

/** What is left of a value, what was taken out of it how often, and whether it was too long. */
export interface Redacted {
  readonly value: unknown;
  readonly found: Readonly<Record<string, number>>;
  readonly isCut: boolean;
}

/** Longer than anything a rule finds whose end it must see: what is cut off may be half of something. */
const OVERLAP = 1_024;
/** Values with more parts say more about the machine that sent them than about what was asked. */
const MAX_PARTS = 20_000;
/** Pictures, sounds and files in a body. */
const BINARY_LENGTH = 1_024;
const BINARY = /^(?:data:[^,]{0,100},)?[0-9A-Za-z+/_-]+$/;
/** Nothing that is looked for is shorter. */
const SHORTEST = 6;

/** Takes out of texts what must not be stored, and keeps what is left within a length. */
export class Redactor {
  private readonly rules: readonly RedactionRule[];
  private readonly maxCharacters: number;

  constructor({ redact, patterns, max_characters }: TranscriptsConfig) {
    const own = patterns.map(({ name, pattern }) => ({
      name,
      mark: `[${name}]`,
      pattern: new RegExp(pattern, 'gu'),
    }));
    // Keys first: one may hold an address.
    this.rules = [...redact.map((name) => KNOWN_SECRETS[name]).sort(keysFirst), ...own];
    this.maxCharacters = max_characters;
  }

  /** Any JSON value: every text in it, names of members included, and numbers that are one of what is looked for. */
  redact(value: unknown): Redacted {
    const lengths: number[] = [];
    if (!measure(value, lengths)) return { value: `[more than ${MAX_PARTS} parts, not kept]`, found: {}, isCut: true };
    const longest = fairLength(lengths, this.maxCharacters);
    const found: Record<string, number> = {};
    const isCut = lengths.some((length) => length > longest);
    return { value: this.walk(value, longest, found), found, isCut };
  }

  private walk(value: unknown, longest: number, found: Record<string, number>): unknown {
    if (typeof value === 'string') return this.text(value, longest, found);
    if (typeof value === 'number') {
      const text = String(value);
      const left = this.text(text, text.length, found);
      return left === text ? value : left;
    }
    if (Array.isArray(value)) return value.map((each) => this.walk(each, longest, found));
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).map(([name, each]) => [
      this.text(name, name.length, found),
      this.walk(each, longest, found),
    ]);
    return Object.fromEntries(members);
  }

  private text(text: string, longest: number, found: Record<string, number>): string {
    if (isBinary(text)) return `[${text.length} characters of a file]`;
    if (text.length <= longest) return this.without(text, found);
    const seen = this.without(text.slice(0, longest + OVERLAP), found);
    // Where the text goes on, the last of what was seen may be the beginning of something.
    const whole = text.length > longest + OVERLAP ? seen.slice(0, -OVERLAP) : seen;
    return `${whole.slice(0, longest)}…`;
  }

  private without(text: string, found: Record<string, number>): string {
    if (text.length < SHORTEST) return text;
    let left = text;
    for (const { name, mark, pattern, replace } of this.rules) {
      left = left.replace(pattern, (match) => {
        const replacement = replace ? replace(match, mark) : mark;
        if (replacement !== match) found[name] = (found[name] ?? 0) + 1;
        return replacement;
      });
    }
    return left;
  }
}

const keysFirst = (left: RedactionRule, right: RedactionRule): number =>
  Number(right.name === 'keys') - Number(left.name === 'keys');

const isBinary = (text: string): boolean => text.length > BINARY_LENGTH && BINARY.test(text.slice(0, BINARY_LENGTH));

/** Collects the lengths of all texts; false when there are too many parts. */
function measure(value: unknown, lengths: number[], count = { parts: 0 }): boolean {
  count.parts += 1;
  if (count.parts > MAX_PARTS) return false;
  if (typeof value === 'string' && !isBinary(value)) lengths.push(value.length);
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every((each) => measure(each, lengths, count));
}

/** The length to which texts are cut so that all together are as long as allowed: short ones stay whole. */
function fairLength(lengths: readonly number[], allowed: number): number {
  const ascending = [...lengths].sort((left, right) => left - right);
  let left = allowed;
  for (const [index, length] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index));
    if (length > share) return share;
    left -= length;
  }
  return Infinity;
}
