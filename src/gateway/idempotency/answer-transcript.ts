import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import { promisify } from 'node:util';
import type { Served } from '../../core/context';
import type { Dialect } from '../../core/dialect';
import type { ChatReply, StreamEvent } from '../../core/reply';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** The largest answer that is recorded, in bytes as the client gets them. */
export const MAX_ANSWER_BYTES = 4_194_304;

/** An answer as it was sent, byte for byte, and who made it. */
export interface AnswerTranscript {
  readonly kind: 'json' | 'stream';
  readonly body: Buffer;
  readonly served: Served;
  readonly warnings: readonly string[];
}

type Head = Omit<AnswerTranscript, 'body'>;

/** Fast rather than small: what is kept of a stream repeats itself so much that every level does well. */
const LEVEL = { level: constants.Z_BEST_SPEED };

/** One line of JSON about the answer, then its bytes; compressed. */
export async function encodeTranscript({ body, ...head }: AnswerTranscript): Promise<Buffer> {
  return deflate(Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]), LEVEL);
}

/** What `encodeTranscript` made. */
export async function decodeTranscript(bytes: Buffer): Promise<AnswerTranscript> {
  const text = await inflate(bytes, { maxOutputLength: 2 * MAX_ANSWER_BYTES });
  const end = text.indexOf(0x0a);
  return { ...(JSON.parse(text.toString('utf8', 0, end)) as Head), body: text.subarray(end + 1) };
}

/** An answer in the client's own dialect, which its format passes on by its bytes. */
export const sentEvent = (raw: Buffer, data: StreamEvent['data'] = null): StreamEvent => ({
  kind: 'content',
  name: null,
  data,
  raw,
  usage: null,
  text: '',
  finish: null,
});

/** Bytes handed over at a time: a slow client holds the rest back. */
const PIECE_BYTES = 65_536;

/** The same answer once more, in the same bytes. */
export function replayOf({ kind, body, served, warnings }: AnswerTranscript, dialect: Dialect): ChatReply {
  const { model } = served;
  if (kind === 'stream') return { kind, dialect, model, warnings, batches: inPieces(body) };
  return { kind, dialect, model, warnings, raw: body, value: {}, usage: null, finish: 'other' };
}

/** Asynchronous like a provider's stream, so that the writer can wait for the client between two pieces. */
// oxlint-disable-next-line typescript/require-await
async function* inPieces(body: Buffer): AsyncGenerator<readonly StreamEvent[], void> {
  for (let from = 0; from < body.length; from += PIECE_BYTES) {
    yield [sentEvent(body.subarray(from, from + PIECE_BYTES))];
  }
}
