import type { JsonObject } from '../../core/chat';
import type { StreamEvent } from '../../core/reply';
import type { StoredAnswer } from './cache-entry';
import { madeEvent } from './made-event';
import { pieces } from './pieces';

const TEXTS = ['reasoning_content', 'reasoning', 'content'] as const;

/** A chat completion as OpenAI streams it: the role, the text in pieces, the end, the usage, `[DONE]`. */
export function* completionEvents({ value, usage }: StoredAnswer, includeUsage: boolean): Generator<StreamEvent, void> {
  const { choices, usage: figures, ...rest } = value;
  const head: JsonObject = { ...rest, object: 'chat.completion.chunk' };
  // With the usage chunk asked for, OpenAI names the field in every chunk.
  const noUsage = includeUsage ? { usage: null } : {};
  const chunk = (delta: JsonObject, finishReason: string | null): JsonObject => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    ...noUsage,
  });
  const message = ((choices as JsonObject[])[0]?.['message'] ?? {}) as JsonObject;
  yield madeEvent('lifecycle', null, chunk({ role: 'assistant', content: '', refusal: null }, null));
  for (const name of TEXTS) {
    const text = message[name];
    if (typeof text !== 'string') continue;
    for (const piece of pieces(text)) yield madeEvent('content', null, chunk({ [name]: piece }, null), { text: piece });
  }
  yield madeEvent('content', null, chunk({}, 'stop'), { finish: 'stop' });
  yield madeEvent('usage', null, { ...head, choices: [], usage: figures }, { usage });
  yield madeEvent('end', null, null);
}
