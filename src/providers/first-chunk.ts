import type { StreamEvent, StreamReply } from '../core/reply';

type Batches = AsyncIterator<readonly StreamEvent[], void>;

/** A stream whose first content has arrived: from here on no other provider can take over. */
export interface BegunStream {
  /** Everything up to and including the first content: the lifecycle events were held back until now. */
  readonly held: readonly StreamEvent[];
  readonly rest: Batches;
}

/**
 * Reads a stream up to its first content (or its end), inside the attempt: a stream that breaks before that throws here,
 * where a fallback is still possible and the client has seen nothing.
 */
export async function awaitFirstContent(reply: StreamReply): Promise<BegunStream> {
  const rest = reply.batches[Symbol.asyncIterator]() as Batches;
  const held: StreamEvent[] = [];
  for (;;) {
    const next = await rest.next();
    if (next.done) return { held, rest };
    held.push(...next.value);
    if (next.value.some(({ kind }) => kind === 'content' || kind === 'end')) return { held, rest };
  }
}
