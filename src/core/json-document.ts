import { isUtf8 } from 'node:buffer';
import { InvalidRequestError } from './errors';

/** Deeper bodies are refused: `JSON.stringify` of a body some thousand levels deep overflows the stack. */
export const MAX_JSON_DEPTH = 64;
/** More elements in one array, or members in one object, than any real request has. */
export const MAX_JSON_CHILDREN = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
const LETTER_E = 0x65;
const CAPITAL_E = 0x45;

/** Assigning these keys on a plain object reaches its prototype. */
const DANGEROUS_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** Where the value of a top-level member stands in the bytes. */
interface Span {
  readonly start: number;
  readonly end: number;
}

interface Frame {
  readonly isObject: boolean;
  children: number;
  /** Keys seen so far in an object. A list while it is short (cheaper), a set afterwards. */
  keys: string[] | Set<string>;
}

const SMALL_OBJECT_KEYS = 12;

/**
 * A JSON object as a client sent it: the bytes, the value, and where its top-level members stand, so that a field can be
 * replaced without writing the rest anew. The bytes are valid UTF-8 without duplicate or dangerous keys and no deeper
 * than {@link MAX_JSON_DEPTH}, so whatever reads them later sees the same value as the gateway.
 */
export class JsonDocument {
  private constructor(
    readonly bytes: Buffer,
    readonly value: Readonly<Record<string, unknown>>,
    private readonly members: ReadonlyMap<string, Span>,
    private readonly bodyStart: number,
  ) {}

  /** Throws `InvalidRequestError` that says what is wrong and, where known, in which field. */
  static parse(bytes: Buffer): JsonDocument {
    if (bytes.length === 0) throw new InvalidRequestError('The request body is empty: send a JSON object.');
    if (!isUtf8(bytes)) throw new InvalidRequestError('The request body is not valid UTF-8.');
    const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const text = bytes.toString('utf8', start);
    // Depth is checked before JSON.parse, whose own nesting has no limit.
    const scan = new Scanner(bytes, start);
    const failure = scan.run();
    if (failure) throw failure;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new InvalidRequestError(`The request body is not valid JSON: ${describe(error)}.`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidRequestError('The request body must be a JSON object.');
    }
    return new JsonDocument(bytes, value as Record<string, unknown>, scan.members, scan.bodyStart);
  }

  /** For bodies the gateway makes itself. */
  static of(value: Record<string, unknown>): JsonDocument {
    return JsonDocument.parse(Buffer.from(JSON.stringify(value)));
  }

  /** The bytes with some top-level members replaced or added; all others stay exactly as they were sent. */
  withMembers(replacements: Readonly<Record<string, unknown>>): Buffer {
    const cuts: { start: number; end: number; text: string }[] = [];
    const added: string[] = [];
    for (const [key, value] of Object.entries(replacements)) {
      const json = JSON.stringify(value);
      const span = this.members.get(key);
      if (span) cuts.push({ start: span.start, end: span.end, text: json });
      else added.push(`${JSON.stringify(key)}:${json}`);
    }
    if (added.length > 0) {
      const separator = this.members.size > 0 ? ',' : '';
      cuts.push({ start: this.bodyStart, end: this.bodyStart, text: added.join(',') + separator });
    }
    cuts.sort((a, b) => a.start - b.start);
    const pieces: Buffer[] = [];
    let position = 0;
    for (const cut of cuts) {
      pieces.push(this.bytes.subarray(position, cut.start), Buffer.from(cut.text));
      position = cut.end;
    }
    pieces.push(this.bytes.subarray(position));
    return Buffer.concat(pieces);
  }
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // V8 quotes a piece of the input; a prompt has no place in a message or a log.
  return text
    .replace(/, ?"[\s\S]*$/, '')
    .replace(/ in JSON/, '')
    .slice(0, 120);
}

/**
 * One pass over the bytes that checks what `JSON.parse` does not. It relies on `JSON.parse` for syntax: on malformed
 * input it may stop early, and the parse that follows reports the error.
 */
class Scanner {
  readonly members = new Map<string, Span>();
  bodyStart = 0;
  private readonly frames: Frame[] = [];
  private memberKey: string | null = null;
  private memberStart = 0;

  constructor(
    private readonly bytes: Buffer,
    private position: number,
  ) {}

  run(): InvalidRequestError | null {
    const { length } = this.bytes;
    while (this.position < length) {
      const failure = this.step(this.bytes[this.position]!);
      if (failure) return failure;
    }
    return null;
  }

  private step(byte: number): InvalidRequestError | null {
    if (byte === QUOTE) return this.string();
    let failure: InvalidRequestError | null = null;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) failure = this.open(byte === OPEN_BRACE);
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.close();
    else if (byte === COMMA) failure = this.comma();
    else if (byte === LETTER_E || byte === CAPITAL_E) failure = this.exponent();
    this.position += 1;
    return failure;
  }

  private open(isObject: boolean): InvalidRequestError | null {
    if (this.frames.length >= MAX_JSON_DEPTH) {
      return new InvalidRequestError(`The request body is nested deeper than ${MAX_JSON_DEPTH} levels.`);
    }
    this.frames.push({ isObject, children: 1, keys: [] });
    if (this.frames.length === 1) this.bodyStart = this.position + 1;
    return null;
  }

  private close(): void {
    if (this.frames.length === 1) this.endMember();
    this.frames.pop();
  }

  private comma(): InvalidRequestError | null {
    const frame = this.frames.at(-1);
    if (!frame) return null;
    frame.children += 1;
    if (frame.children > MAX_JSON_CHILDREN) {
      return new InvalidRequestError(`The request body has a list with more than ${MAX_JSON_CHILDREN} elements.`);
    }
    if (this.frames.length === 1) this.endMember();
    return null;
  }

  /** Reads a string; as a key it is checked, and at the top level remembered. */
  private string(): InvalidRequestError | null {
    const { bytes } = this;
    const start = this.position + 1;
    let end = bytes.indexOf(QUOTE, start);
    while (end > 0 && isEscaped(bytes, end, start)) end = bytes.indexOf(QUOTE, end + 1);
    if (end < 0) {
      this.position = bytes.length;
      return null;
    }
    this.position = end + 1;
    const frame = this.frames.at(-1);
    if (!frame?.isObject) return null;
    const colon = skipSpace(bytes, this.position);
    if (bytes[colon] !== COLON) return null;
    this.position = colon + 1;
    return this.key(frame, start, end);
  }

  private key(frame: Frame, start: number, end: number): InvalidRequestError | null {
    const text = this.bytes.toString('utf8', start, end);
    const key = text.includes('\\') ? unescape(text) : text;
    if (DANGEROUS_KEYS.has(key)) {
      return new InvalidRequestError(`The key "${key}" is not allowed in a request body.`, key);
    }
    if (!remember(frame, key)) {
      return new InvalidRequestError(
        `The key "${key.slice(0, 64)}" appears twice in the same object.`,
        key.slice(0, 64),
      );
    }
    if (this.frames.length === 1) {
      this.memberKey = key;
      this.memberStart = skipSpace(this.bytes, this.position);
    }
    return null;
  }

  private endMember(): void {
    if (this.memberKey === null) return;
    this.members.set(this.memberKey, { start: this.memberStart, end: this.position });
    this.memberKey = null;
  }

  /** At an `e` outside a string: it may be the exponent of a number that overflows to Infinity. */
  private exponent(): InvalidRequestError | null {
    let start = this.position;
    while (start > 0 && isNumberByte(this.bytes[start - 1]!)) start -= 1;
    let end = this.position + 1;
    while (end < this.bytes.length && isNumberByte(this.bytes[end]!)) end += 1;
    const text = this.bytes.toString('latin1', start, end);
    if (!/^-?\d/.test(text) || Math.abs(Number(text)) !== Infinity) return null;
    return new InvalidRequestError('The request body has a number that is too large for a double.');
  }
}

function remember(frame: Frame, key: string): boolean {
  const { keys } = frame;
  if (keys instanceof Set) {
    if (keys.has(key)) return false;
    keys.add(key);
    return true;
  }
  if (keys.includes(key)) return false;
  keys.push(key);
  if (keys.length > SMALL_OBJECT_KEYS) frame.keys = new Set(keys);
  return true;
}

/** A quote is escaped when an odd number of backslashes stands before it. */
function isEscaped(bytes: Buffer, quote: number, start: number): boolean {
  let index = quote - 1;
  while (index >= start && bytes[index] === BACKSLASH) index -= 1;
  return (quote - 1 - index) % 2 === 1;
}

function skipSpace(bytes: Buffer, from: number): number {
  let index = from;
  while (bytes[index] === 0x20 || bytes[index] === 0x0a || bytes[index] === 0x0d || bytes[index] === 0x09) index += 1;
  return index;
}

const isNumberByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2d || byte === 0x2b;

function unescape(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
