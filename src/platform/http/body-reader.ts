import type { IncomingMessage } from 'node:http';
import { GatewayError, InvalidRequestError, RequestTooLargeError } from '../../core/errors';

/** A body that trickles in holds a connection and its memory; no real client is silent for this long. */
const BODY_IDLE_MS = 30_000;

class BodyTimeoutError extends GatewayError {
  constructor() {
    super(408, 'request_timeout', 'invalid_request_error', 'The request body did not arrive in time.');
  }
}

/** The whole body of a request. Larger than `limitBytes` is refused as soon as that is known, without reading the rest. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limitBytes) return Promise.reject(new RequestTooLargeError(limitBytes));
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return Promise.reject(new InvalidRequestError('Compressed request bodies are not accepted: send plain JSON.'));
  }
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const idle = setTimeout(() => reject(new BodyTimeoutError()), BODY_IDLE_MS);
    request.once('close', () => clearTimeout(idle));
    request.on('data', (piece: Buffer) => {
      idle.refresh();
      length += piece.length;
      if (length > limitBytes) {
        request.pause();
        request.removeAllListeners('data');
        reject(new RequestTooLargeError(limitBytes));
        return;
      }
      pieces.push(piece);
    });
    request.once('end', () => {
      clearTimeout(idle);
      resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length));
    });
    request.once('error', reject);
    request.once('close', () => {
      // An error costs a stack trace: only a body that was cut is worth one.
      if (!request.complete) reject(new InvalidRequestError('The request body ended before it was complete.'));
    });
  });
}
