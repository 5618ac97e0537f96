import type { JsonObject } from '../../core/chat';
import type { FinishReason, StreamEvent } from '../../core/reply';
import type { TokenUsage } from '../../core/tokens';
import type { StoredAnswer } from './cache-entry';
import { madeEvent } from './made-event';
import { pieces } from './pieces';

const TEXTS = ['reasoning_content', 'reasoning', 'content'] as const;

/** How a completion ended. */
export interface CompletionEnd {
  /** The provider's word, and what it means. */
  readonly finishWord: string;
  readonly finish: FinishReason;
  /** The provider's figures, as it has them and as we count; without them there is no usage chunk. */
  readonly figures: unknown;
  readonly usage: TokenUsage | null;
}

/** The chunks of one completion: the role, the text in pieces, the end, the usage, `[DONE]`. */
export class CompletionChunks {
  private readonly head: JsonObject;
  /** With the usage chunk asked for, OpenAI names the field in every chunk. */
  private readonly noUsage: JsonObject;

  /** `completion`: what all chunks repeat is taken from it. */
  constructor(completion: JsonObject, includeUsage: boolean) {
    const { choices: _, usage: __, ...rest } = completion;
    this.head = { ...rest, object: 'chat.completion.chunk' };
    this.noUsage = includeUsage ? { usage: null } : {};
  }

  begin(): StreamEvent {
    return madeEvent('lifecycle', null, this.chunk({ role: 'assistant', content: '', refusal: null }, null));
  }

  text(name: string, text: string): StreamEvent {
    return madeEvent('content', null, this.chunk({ [name]: text }, null), { text });
  }

  *end({ finishWord, finish, figures, usage }: CompletionEnd): Generator<StreamEvent, void> {
    yield madeEvent('content', null, this.chunk({}, finishWord), { finish });
    if (figures !== null || usage)
      yield madeEvent('usage', null, { ...this.head, choices: [], usage: figures }, { usage });
    yield madeEvent('end', null, null);
  }

  private chunk(delta: JsonObject, finishReason: string | null): JsonObject {
    return {
      ...this.head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...this.noUsage,
    };
  }
}

/** A chat completion as OpenAI streams it. */
export function* completionEvents({ value, usage }: StoredAnswer, includeUsage: boolean): Generator<StreamEvent, void> {
  const chunks = new CompletionChunks(value, includeUsage);
  const message = ((value['choices'] as JsonObject[])[0]?.['message'] ?? {}) as JsonObject;
  yield chunks.begin();
  for (const name of TEXTS) {
    const text = message[name];
    if (typeof text !== 'string') continue;
    for (const piece of pieces(text)) yield chunks.text(name, piece);
  }
  yield* chunks.end({ finishWord: 'stop', finish: 'stop', figures: value['usage'], usage });
}
