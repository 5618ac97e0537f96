import type { ChatReply, JsonReply, StreamEvent, StreamReply } from '../../core/reply';
import type { CacheEntry, StoredAnswer } from './cache-entry';
import { messageEvents } from './replay-anthropic';
import { completionEvents } from './replay-openai';

/** Events handed over at a time: a slow client holds the rest back. */
const BATCH_EVENTS = 64;

export interface ReplayOptions {
  readonly stream: boolean;
  /** The client asked for the usage chunk. */
  readonly includeUsage: boolean;
}

/** The stored answer as the client wants it: complete, or as a stream in its dialect. */
export function replay({ answer, origin }: CacheEntry, { stream, includeUsage }: ReplayOptions): ChatReply {
  const { model } = origin;
  return stream ? streamOf(answer, model, includeUsage) : jsonOf(answer, model);
}

const jsonOf = ({ dialect, value, usage }: StoredAnswer, model: string): JsonReply => ({
  kind: 'json',
  dialect,
  raw: null,
  value,
  model,
  usage,
  finish: 'stop',
});

function streamOf(answer: StoredAnswer, model: string, includeUsage: boolean): StreamReply {
  const events = answer.dialect === 'anthropic' ? messageEvents(answer) : completionEvents(answer, includeUsage);
  return { kind: 'stream', dialect: answer.dialect, model, batches: inBatches(events) };
}

/** Asynchronous like a provider's stream, so that the writer can wait for the client between two batches. */
// oxlint-disable-next-line typescript/require-await
async function* inBatches(events: Iterable<StreamEvent>): AsyncGenerator<readonly StreamEvent[], void> {
  let batch: StreamEvent[] = [];
  for (const event of events) {
    batch.push(event);
    if (batch.length < BATCH_EVENTS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
