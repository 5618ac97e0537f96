import { UpstreamError } from '../core/errors';
import type { StreamEvent, StreamReply } from '../core/reply';

/** Pings and lifecycle events before the first content; a real stream has a handful, a slow one a few hundred pings. */
const MAX_HELD_EVENTS = 5_000;

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
    if (held.length > MAX_HELD_EVENTS) {
      const text = 'The provider sent thousands of events without any content';
      throw new UpstreamError('provider', 'unavailable', text, { reason: 'no_content' });
    }
    if (next.value.some(({ kind }) => kind === 'content' || kind === 'end')) return { held, rest };
  }
}
