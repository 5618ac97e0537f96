import type { Dialect, JsonObject } from '../../core/chat';
import type { GatewayError } from '../../core/errors';
import type { JsonReply, StreamEvent, StreamReply } from '../../core/reply';

/** How a dialect says that something went wrong. */
export interface ErrorFormat {
  status(error: GatewayError): number;
  body(error: GatewayError, requestId: string): string | Buffer;
  /** The event that ends a stream in which something went wrong. */
  event(error: GatewayError, requestId: string): string;
}

export interface StreamOptions {
  /** The client's request, of which some dialects repeat a part. */
  readonly asked: Readonly<JsonObject>;
  readonly includeUsage: boolean;
  /** What the request has cost so far, in USD: a number, as clients of both dialects expect in `usage.cost`. */
  readonly costUsd: () => number;
  readonly estimatedInputTokens: () => number;
}

/** The bytes of one streamed answer; keeps what the dialect needs to remember between events. */
export interface StreamFormat {
  write(event: StreamEvent): string | Buffer;
  /** The event that ends a broken stream, where it depends on what was written; else `ErrorFormat.event` is used. */
  fail?(error: GatewayError, requestId: string): string;
}

/** How a dialect writes answers that are in it already or in the canonical form. */
export interface ReplyFormat {
  json(reply: JsonReply, requestedModel: string, asked: Readonly<JsonObject>): string | Buffer;
  stream(reply: StreamReply, options: StreamOptions): StreamFormat;
}

export interface DialectFormat {
  readonly dialect: Dialect;
  readonly replies: ReplyFormat;
  readonly errors: ErrorFormat;
}
