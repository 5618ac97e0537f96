import type { Dialect, JsonObject } from '../../core/chat';
import { UpstreamError } from '../../core/errors';
import { SseOverflowError, SseParser, type SseEvent, type SseSink } from '../../core/sse-parser';
import type { StreamEvent } from '../../core/reply';
import { httpError, parseObject } from './http-error';
import type { UpstreamExchange, UpstreamHead } from './upstream-exchange';

/** The largest JSON answer that is taken in: some hundred pages of text, or a few generated images. */
const MAX_JSON_BYTES = 67_108_864;
/** An error body is for reading by people. */
const MAX_ERROR_BYTES = 1_048_576;

/** Events that come to the same as one, with the bytes of all of them. */
export type RunOfEvents = StreamEvent & { readonly raw: Buffer };

/** Turns the events of one provider's stream into ours. `push` throws `UpstreamError` on an error event or on nonsense. */
export interface StreamReader {
  push(event: SseEvent): readonly StreamEvent[];
  /** What begins at `start` and is known without a look at each event: several of them as one, by its bytes. */
  run?(bytes: Buffer, start: number): RunOfEvents | null;
  /** Called when the provider has closed the stream: the events still due, or `UpstreamError` when it was cut. */
  finish(): readonly StreamEvent[];
}

const contentType = (head: UpstreamHead): string => {
  const value = head.headers['content-type'];
  return (Array.isArray(value) ? value[0] : value)?.toLowerCase() ?? '';
};

export function brokenReply(provider: string, reason: string, message: string, cause?: unknown): UpstreamError {
  return new UpstreamError(provider, 'unavailable', `Provider "${provider}" ${message}`, { reason, cause });
}

/** Reads the error body and throws when the status is not a success. */
export async function requireSuccess(
  provider: string,
  dialect: Dialect,
  head: UpstreamHead,
  exchange: UpstreamExchange,
): Promise<void> {
  if (head.status >= 200 && head.status < 300) return;
  const body = await exchange.bytes(MAX_ERROR_BYTES).catch(() => Buffer.alloc(0));
  throw httpError(provider, dialect, head, body);
}

/** A complete JSON object, or `UpstreamError` for HTML, nothing, or half an object under a 200. */
export async function readJson(
  provider: string,
  head: UpstreamHead,
  exchange: UpstreamExchange,
): Promise<{ raw: Buffer; value: JsonObject }> {
  const raw = await exchange.bytes(MAX_JSON_BYTES);
  if (raw.length === 0) throw brokenReply(provider, 'empty', 'answered with an empty body');
  const value = parseObject(raw);
  if (value) return { raw, value };
  const isHtml =
    contentType(head).includes('html') || raw.subarray(0, 64).toString('latin1').trimStart().startsWith('<');
  if (isHtml) throw brokenReply(provider, 'html', 'answered with a web page instead of JSON');
  throw brokenReply(provider, 'malformed', 'answered with incomplete or malformed JSON');
}

/** The events of a stream, a network packet at a time. Ends only after a complete answer; anything else throws. */
export async function* readStream(
  provider: string,
  head: UpstreamHead,
  exchange: UpstreamExchange,
  reader: StreamReader,
): AsyncGenerator<readonly StreamEvent[], void> {
  const type = contentType(head);
  if (type !== '' && !type.includes('text/event-stream')) {
    exchange.abort();
    throw brokenReply(
      provider,
      type.includes('html') ? 'html' : 'not_a_stream',
      `answered a stream request with "${type}"`,
    );
  }
  const parser = new SseParser();
  for await (const chunk of exchange.chunks()) {
    const { batch, failure } = readBatch(provider, parser, reader, chunk);
    const isEnd = batch.at(-1)?.kind === 'end';
    if (isEnd) exchange.release();
    if (batch.length > 0) yield batch;
    if (isEnd) return;
    if (failure !== null) throw failure;
  }
  const last = parser.finish();
  const rest = [...(last ? reader.push(last) : []), ...reader.finish()];
  if (rest.length > 0) yield rest;
}

/** The events before one that breaks the stream were sent in good order: they are handed on before it is reported. */
function readBatch(
  provider: string,
  parser: SseParser,
  reader: StreamReader,
  chunk: Buffer,
): { batch: StreamEvent[]; failure: unknown } {
  const sink = new BatchSink(reader);
  try {
    parser.pass(chunk, sink);
    return { batch: sink.batch, failure: null };
  } catch (error) {
    const isEndless = error instanceof SseOverflowError;
    const failure = isEndless ? brokenReply(provider, 'event_too_large', 'sent an endless event', error) : error;
    return { batch: sink.batch, failure };
  }
}

/** What a reader makes of the events that a parser finds. */
export class BatchSink implements SseSink {
  readonly batch: StreamEvent[] = [];

  constructor(private readonly reader: StreamReader) {}

  event(event: SseEvent): void {
    for (const read of this.reader.push(event)) this.batch.push(read);
  }

  skim(bytes: Buffer, start: number): number {
    const run = this.reader.run?.(bytes, start);
    if (!run) return start;
    this.batch.push(run);
    return start + run.raw.length;
  }
}

/** The JSON of an event's data; what is no object is a broken stream. */
export function eventObject(provider: string, data: string): JsonObject {
  const value = parseObject(data);
  if (!value) throw brokenReply(provider, 'malformed', 'sent an event that is not a JSON object');
  return value;
}
