import type { Dialect, JsonObject } from './chat';
import type { TokenUsage } from './tokens';

/** Why an answer ended, in the words of the canonical form. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'other';

/** A complete answer, in `dialect`: the client's own, or the canonical one (`openai`) when the provider speaks another. */
export interface JsonReply {
  readonly kind: 'json';
  readonly dialect: Dialect;
  /** The exact bytes of the provider, when they may be passed on as they are. */
  readonly raw: Buffer | null;
  readonly value: JsonObject;
  /** The model that answered, in the provider's words. */
  readonly model: string;
  readonly usage: TokenUsage | null;
  readonly finish: FinishReason;
  /** What of the request had no equal in the provider's dialect and was left out. */
  readonly warnings?: readonly string[] | undefined;
}

/**
 * `lifecycle` events come before any content and are held back until the first `content`; `usage` carries the final
 * figures only and no content; `end` is the last event of a complete answer; `idle` is a ping.
 */
export type StreamEventKind = 'lifecycle' | 'content' | 'usage' | 'end' | 'idle';

/** One event of a streamed answer, or several that come to the same as one. */
export interface StreamEvent {
  readonly kind: StreamEventKind;
  /** SSE `event:` name, where the dialect uses one. */
  readonly name: string | null;
  /** Parsed `data:`; null for OpenAI's `[DONE]`. */
  readonly data: JsonObject | null;
  /** True when it says nothing but its text and has its bytes: nobody need look at its data, which is parsed only then. */
  readonly isTextOnly?: boolean;
  /** The exact bytes of it, blank lines included, when they may be passed on as they are. */
  readonly raw: Buffer | null;
  /** What the answer has used so far, when this event says so. Totals, never increments. */
  readonly usage: TokenUsage | null;
  /** Text this event produced (content, reasoning, tool arguments): what is counted when the provider never says. */
  readonly text: string;
  readonly finish: FinishReason | null;
}

/** A streamed answer. `batches` yields the events of one network packet at a time and throws `UpstreamError` when it breaks. */
export interface StreamReply {
  readonly kind: 'stream';
  readonly dialect: Dialect;
  readonly model: string;
  readonly warnings?: readonly string[] | undefined;
  /** It is known before its first piece that the provider refused to say anything. */
  readonly isRefusal?: boolean;
  readonly batches: AsyncIterable<readonly StreamEvent[]>;
}

export type ChatReply = JsonReply | StreamReply;
