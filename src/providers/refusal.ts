import type { ChatReply, StreamEvent, StreamReply } from '../core/reply';

/** A stream that ends with the provider's filter before it has said anything. */
export const isFiltered = (held: readonly StreamEvent[]): boolean =>
  held.some(({ finish }) => finish === 'content_filter') && held.every(({ text }) => text === '');

/** Whether the provider's filter, or the model itself, refused to answer. A stream is one only as long as it is silent. */
export const isRefusal = (reply: ChatReply): boolean =>
  reply.kind === 'json' ? reply.finish === 'content_filter' : reply.isRefusal === true;

/** The same answer with all of it read, so that its call is over. There is little of it: it has no content. */
export async function setAside(reply: ChatReply): Promise<ChatReply> {
  if (reply.kind === 'json') return reply;
  const batches: (readonly StreamEvent[])[] = [];
  for await (const batch of reply.batches) batches.push(batch);
  return { ...reply, model: reply.model, batches: again(batches) } satisfies StreamReply;
}

// oxlint-disable-next-line typescript/require-await
async function* again(batches: readonly (readonly StreamEvent[])[]): AsyncGenerator<readonly StreamEvent[], void> {
  yield* batches;
}
