import type { IncomingMessage } from 'node:http';
import { InvalidRequestError, RequestTooLargeError } from '../../core/errors';

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
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > limitBytes) {
        request.pause();
        request.removeAllListeners('data');
        reject(new RequestTooLargeError(limitBytes));
        return;
      }
      pieces.push(piece);
    });
    request.once('end', () => resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length)));
    request.once('error', reject);
    request.once('close', () => {
      // An error costs a stack trace: only a body that was cut is worth one.
      if (!request.complete) reject(new InvalidRequestError('The request body ended before it was complete.'));
    });
  });
}
