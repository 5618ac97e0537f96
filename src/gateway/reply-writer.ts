import type { ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import type { Cancellable } from '../core/cancel-signal';
import type { GatewayContext } from '../core/context';
import type { ChatReply, JsonReply, StreamReply } from '../core/reply';
import { DIALECTS } from './dialects';
import { toGatewayError } from '../platform/http/gateway-error';
import type { StreamFormat } from './dialects/format';
import { costHeader, gatewayHeaders, warningsHeader, writeHead, type HeaderList } from './response-headers';
import { streamOptions } from './stream-options';

/** A client that takes nothing for this long is gone in all but name. */
const WRITE_IDLE_MS = 60_000;

const STREAM_HEADERS: HeaderList = [
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-cache, no-transform',
  'x-accel-buffering',
  'no',
];

/**
 * Writes every inference answer: the only place that sends its bytes. Nothing of a stream leaves before its first content
 * has arrived, a slow client holds back the provider instead of filling the memory, and every stream ends properly: with
 * the dialect's own end, or with one error event.
 */
@Injectable()
export class ReplyWriter {
  private readonly logger = new Logger(ReplyWriter.name);

  async write(context: GatewayContext, response: ServerResponse, reply: ChatReply): Promise<void> {
    if (response.destroyed) return;
    if (reply.kind === 'json') this.writeJson(context, response, reply);
    else await this.writeStream(context, response, reply);
  }

  private writeJson(context: GatewayContext, response: ServerResponse, reply: JsonReply): void {
    context.transcript?.answered(reply);
    const body = DIALECTS[context.dialect].replies.json(
      reply,
      context.request?.model ?? reply.model,
      context.request?.document.value ?? {},
    );
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    this.begin(context, response, [
      'content-type',
      'application/json',
      'content-length',
      String(length),
      ...costHeader(context.attempts?.cost() ?? 0n),
      ...warningsHeader(reply.warnings),
    ]);
    response.end(body);
    context.outcome = { status: 200, errorCode: null };
  }

  private async writeStream(context: GatewayContext, response: ServerResponse, reply: StreamReply): Promise<void> {
    const format = DIALECTS[context.dialect].replies.stream(reply, streamOptions(context));
    try {
      for await (const batch of reply.batches) {
        if (context.transcript) for (const event of batch) context.transcript.observe(event);
        // Read on, for its end and its figures: who reads decides when to stop.
        if (response.destroyed) continue;
        const pieces = batch.map((event) => format.write(event)).filter((piece) => piece.length > 0);
        if (!response.headersSent)
          this.begin(context, response, [...STREAM_HEADERS, ...warningsHeader(reply.warnings)]);
        if (pieces.length > 0 && !response.write(joined(pieces))) await drained(response, context.signal);
      }
      if (response.destroyed) return;
      response.end();
      context.outcome = { status: 200, errorCode: null };
    } catch (error) {
      if (!response.headersSent) throw error;
      if (!response.destroyed) this.endBroken(context, response, format, error);
    }
  }

  /** One error event of the dialect, and the end. */
  private endBroken(context: GatewayContext, response: ServerResponse, format: StreamFormat, error: unknown): void {
    const failure = context.interruption ?? toGatewayError(error);
    if (failure.status === 500) this.logger.error(error, context.requestId);
    context.outcome = { status: 200, errorCode: failure.code };
    context.decide('reply', 'broken', { error: failure.code });
    const { errors } = DIALECTS[context.dialect];
    response.end(format.fail?.(failure, context.requestId) ?? errors.event(failure, context.requestId));
  }

  private begin(context: GatewayContext, response: ServerResponse, headers: HeaderList): void {
    context.firstByteAtMs = context.monotonic();
    context.overheadMs = Math.max(0, context.elapsedMs() - context.upstreamMs);
    // Until the last byte is written: a client that leaves before has had no complete answer.
    context.outcome = { status: 200, errorCode: 'client_closed' };
    response.socket?.setNoDelay(true);
    writeHead(response, 200, [...gatewayHeaders(context), ...headers]);
  }
}

/** One packet of the provider becomes one write to the client; what lies in one piece there already is not copied for it. */
function joined(pieces: readonly (string | Buffer)[]): string | Buffer {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const parts: Buffer[] = [];
  for (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    const last = parts.at(-1);
    if (last && isBehind(bytes, last)) parts[parts.length - 1] = spanOf(last, last.length + bytes.length);
    else parts.push(bytes);
  }
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}

const isBehind = (bytes: Buffer, last: Buffer): boolean =>
  bytes.buffer === last.buffer && bytes.byteOffset === last.byteOffset + last.length;

const spanOf = (start: Buffer, length: number): Buffer => Buffer.from(start.buffer, start.byteOffset, length);

/** Resolves when the client has taken what was written, or has gone. */
function drained(response: ServerResponse, signal: Cancellable): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), WRITE_IDLE_MS);
    const done = (): void => {
      clearTimeout(timer);
      response.off('drain', done);
      response.off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
    signal.addEventListener('abort', done);
    if (response.destroyed || signal.aborted) done();
  });
}
