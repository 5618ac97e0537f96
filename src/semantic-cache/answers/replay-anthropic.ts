import type { JsonObject } from '../../core/chat';
import type { StreamEvent } from '../../core/reply';
import { formatSse } from '../../core/sse-parser';
import type { StoredAnswer } from './cache-entry';
import { madeEvent } from './made-event';
import { pieces } from './pieces';

/** An event of Anthropic's, with its bytes. */
export const messageEvent = (
  kind: StreamEvent['kind'],
  data: JsonObject & { type: string },
  facts: Parameters<typeof madeEvent>[3] = {},
): StreamEvent => ({
  ...madeEvent(kind, data.type, data, facts),
  // Anthropic's own events are passed on by their bytes.
  raw: Buffer.from(formatSse(data.type, JSON.stringify(data))),
});

/** A message as Anthropic streams it: its start, each block in pieces, the reason and the usage, its end. */
export function* messageEvents({ value, usage }: StoredAnswer): Generator<StreamEvent, void> {
  const { content, stop_reason, stop_sequence, usage: figures, ...head } = value;
  const message = {
    ...head,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...(figures as JsonObject), output_tokens: 1 },
  };
  yield messageEvent('lifecycle', { type: 'message_start', message });
  for (const [index, block] of (content as JsonObject[]).entries()) yield* blockEvents(index, block);
  const delta = { stop_reason, stop_sequence: stop_sequence ?? null };
  yield messageEvent('usage', { type: 'message_delta', delta, usage: figures }, { usage, finish: 'stop' });
  yield messageEvent('end', { type: 'message_stop' });
}

function* blockEvents(index: number, block: JsonObject): Generator<StreamEvent, void> {
  const kind = block['type'] === 'thinking' ? 'thinking' : 'text';
  const empty = kind === 'thinking' ? { ...block, thinking: '', signature: '' } : { ...block, text: '' };
  yield messageEvent('lifecycle', { type: 'content_block_start', index, content_block: empty });
  const text = block[kind];
  for (const piece of pieces(typeof text === 'string' ? text : '')) {
    const delta = { type: `${kind}_delta`, [kind]: piece };
    yield messageEvent('content', { type: 'content_block_delta', index, delta }, { text: piece });
  }
  const { signature } = block;
  if (typeof signature === 'string' && signature !== '') {
    const delta = { type: 'signature_delta', signature };
    yield messageEvent('content', { type: 'content_block_delta', index, delta });
  }
  yield messageEvent('lifecycle', { type: 'content_block_stop', index });
}
