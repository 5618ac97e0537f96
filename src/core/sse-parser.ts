/** One server-sent event as it came. */
export interface SseEvent {
  /** The `event:` field, or null. */
  readonly name: string | null;
  /** The `data:` lines joined by a newline; null when the block had none (comments, ids, a keep-alive). */
  readonly data: string | null;
  /** The exact bytes, the blank line that ends the event included. */
  readonly raw: Buffer;
}

/** Takes the events of a stream as they are found. */
export interface SseSink {
  event(event: SseEvent): void;
  /** Asked where an event begins: up to where it takes whole events itself, whose bytes it then has; `start`: none. Not where an event might be too large. */
  skim?(bytes: Buffer, start: number): number;
}

/** An event larger than this is refused: a provider that never ends a line must not fill the memory. */
export const MAX_EVENT_BYTES = 1_048_576;
/** How much of a chunk is looked at in one go: a chunk of any size is no larger event for that. */
const STEP_BYTES = 65_536;

export class SseOverflowError extends Error {
  constructor() {
    super(`A server-sent event is larger than ${MAX_EVENT_BYTES} bytes`);
    this.name = 'SseOverflowError';
  }
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

/**
 * Server-sent events out of bytes cut at any place, by the WHATWG rules: lines end with LF, CRLF or CR, a BOM at the
 * start is skipped, comments are passed over, several `data:` lines join. Linear in the bytes pushed, however they are cut.
 */
export class SseParser {
  /** Bytes of an event that has not ended; `scanned` of them hold only whole lines. */
  private pending: Buffer = Buffer.alloc(0);
  private pendingLength = 0;
  private scanned = 0;
  private isFirst = true;
  /** The last byte pushed was a CR that ended a line: an LF right after it belongs to it. */
  private afterCarriageReturn = false;
  private name: string | null = null;
  private data: string | null = null;
  private hasFields = false;

  /** The events that the chunk completes, in order. Throws `SseOverflowError`. */
  push(chunk: Buffer): SseEvent[] {
    const events: SseEvent[] = [];
    this.pass(chunk, { event: (event) => events.push(event) });
    return events;
  }

  /** Passes the events that the chunk completes to the sink, in order. Throws `SseOverflowError`, and what the sink throws: then it is done with. */
  pass(chunk: Buffer, sink: SseSink): void {
    if (chunk.length <= STEP_BYTES) this.step(chunk, sink);
    else {
      for (let start = 0; start < chunk.length; start += STEP_BYTES)
        this.step(chunk.subarray(start, start + STEP_BYTES), sink);
    }
  }

  private step(chunk: Buffer, sink: SseSink): void {
    this.read(chunk, sink);
    if (this.pendingLength > MAX_EVENT_BYTES) throw new SseOverflowError();
  }

  private read(chunk: Buffer, sink: SseSink): void {
    let bytes = chunk;
    if (this.afterCarriageReturn && bytes.length > 0) {
      this.afterCarriageReturn = false;
      if (bytes[0] === LF) bytes = bytes.subarray(1);
    }
    if (this.pendingLength === 0) {
      this.scan(bytes, 0, sink);
      return;
    }
    this.append(bytes);
    if (bytes.indexOf(LF) < 0 && bytes.indexOf(CR) < 0) return;
    this.scan(this.pending.subarray(0, this.pendingLength), this.scanned, sink);
  }

  /**
   * The last event of a stream that ended without its blank line, as some servers end theirs; null when nothing is left
   * or when the last line was cut.
   */
  finish(): SseEvent | null {
    const isCut = this.pendingLength > this.scanned;
    if (isCut || !this.hasFields) return null;
    const left = this.pendingLength;
    this.pendingLength = 0;
    return this.endEvent(Buffer.concat([this.pending.subarray(0, left), Buffer.from('\n')]));
  }

  private scan(bytes: Buffer, from: number, sink: SseSink): void {
    // Each cursor only moves forward, so every byte is looked at once for each kind of line end.
    let lineFeed = bytes.indexOf(LF, from);
    let carriageReturn = bytes.indexOf(CR, from);
    let eventStart = 0;
    let lineStart = from;
    for (;;) {
      if (lineStart === eventStart) lineStart = eventStart = this.skim(bytes, eventStart, sink);
      if (lineFeed >= 0 && lineFeed < lineStart) lineFeed = bytes.indexOf(LF, lineStart);
      if (carriageReturn >= 0 && carriageReturn < lineStart) carriageReturn = bytes.indexOf(CR, lineStart);
      const lineEnd = nearest(lineFeed, carriageReturn);
      if (lineEnd < 0) break;
      const next = this.afterLineEnd(bytes, lineEnd);
      if (lineEnd === lineStart) {
        const event = this.endEvent(bytes.subarray(eventStart, next));
        if (event) sink.event(event);
        eventStart = next;
      } else this.line(bytes, lineStart, lineEnd);
      lineStart = next;
    }
    this.keep(bytes, eventStart, lineStart);
  }

  private skim(bytes: Buffer, start: number, sink: SseSink): number {
    return sink.skim === undefined || bytes.length - start > MAX_EVENT_BYTES ? start : sink.skim(bytes, start);
  }

  private afterLineEnd(bytes: Buffer, lineEnd: number): number {
    if (bytes[lineEnd] !== CR) return lineEnd + 1;
    if (lineEnd + 1 === bytes.length) this.afterCarriageReturn = true;
    return bytes[lineEnd + 1] === LF ? lineEnd + 2 : lineEnd + 1;
  }

  /** null: it was nothing but blank lines. */
  private endEvent(raw: Buffer): SseEvent | null {
    if (raw.length > MAX_EVENT_BYTES) throw new SseOverflowError();
    const event = this.hasFields || hasContent(raw) ? { name: this.name, data: this.data, raw } : null;
    this.name = null;
    this.data = null;
    this.hasFields = false;
    return event;
  }

  private line(bytes: Buffer, start: number, end: number): void {
    const from = this.isFirst && hasByteOrderMark(bytes, start) ? start + 3 : start;
    this.isFirst = false;
    const colon = bytes.indexOf(COLON, from);
    if (colon === from) return; // a comment
    const fieldEnd = colon < 0 || colon > end ? end : colon;
    const isData = isField(bytes, from, fieldEnd, DATA);
    if (!isData && !isField(bytes, from, fieldEnd, EVENT)) return;
    const afterColon = Math.min(fieldEnd + 1, end);
    const valueStart = bytes[afterColon] === SPACE && afterColon < end ? afterColon + 1 : afterColon;
    const value = bytes.toString('utf8', valueStart, end);
    this.hasFields = true;
    if (!isData) this.name = value;
    else this.data = this.data === null ? value : `${this.data}\n${value}`;
  }

  /** Remembers what follows the last whole event. */
  private keep(bytes: Buffer, eventStart: number, lineStart: number): void {
    const rest = bytes.subarray(eventStart);
    this.scanned = lineStart - eventStart;
    if (eventStart === 0 && this.pendingLength > 0) return; // already there
    this.pendingLength = 0;
    if (rest.length > 0) {
      // What was handed out points into the old buffer, so a new one is begun.
      this.pending = Buffer.alloc(0);
      this.append(rest);
    }
  }

  private append(bytes: Buffer): void {
    const needed = this.pendingLength + bytes.length;
    if (needed > this.pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.pending.length * 2, 512));
      this.pending.copy(grown, 0, 0, this.pendingLength);
      this.pending = grown;
    }
    bytes.copy(this.pending, this.pendingLength);
    this.pendingLength = needed;
  }
}

const [DATA, EVENT] = [Buffer.from('data'), Buffer.from('event')];

function isField(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false;
  for (let index = 0; index < name.length; index += 1) if (bytes[start + index] !== name[index]) return false;
  return true;
}

/** The smaller of two positions of which -1 means "none". */
function nearest(first: number, second: number): number {
  if (first < 0) return second;
  return second < 0 || first < second ? first : second;
}

const hasByteOrderMark = (bytes: Buffer, at: number): boolean =>
  bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;

const hasContent = (raw: Buffer): boolean => raw.some((byte) => byte !== LF && byte !== CR);

/** An event in the form both official dialects use; `name` only where the dialect names its events. */
export function formatSse(name: string | null, data: string): string {
  return name === null ? `data: ${data}\n\n` : `event: ${name}\ndata: ${data}\n\n`;
}
