import type { IncomingMessage, ServerResponse } from 'node:http';

/** What is read and dropped of a refused body before the connection is cut: ten times what is accepted unless configured otherwise. */
const LINGER_BYTES = 100 * 1024 * 1024;
const LINGER_MS = 10_000;

/**
 * Sends the last piece of an answer whose `content-length` is told. While the request is still on its way, what comes of it
 * is dropped before the connection is closed: cut at once, it would be reset, and a client that is still sending would
 * lose the answer that tells it why.
 */
export function endLingering(request: IncomingMessage, response: ServerResponse, piece: string | Buffer): void {
  if (request.complete || request.destroyed) {
    response.end(piece);
    return;
  }
  response.write(piece);
  const timer = setTimeout(() => response.end(), LINGER_MS).unref();
  let left = LINGER_BYTES;
  request.on('data', ({ length }: Buffer) => {
    left -= length;
    if (left < 0) response.end();
  });
  request.once('end', () => response.end());
  response.once('close', () => clearTimeout(timer));
  request.resume();
}
