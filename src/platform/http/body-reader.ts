import type { IncomingMessage } from 'node:http';
import { GatewayError, InvalidRequestError, RequestTooLargeError } from '../../core/errors';
import { LiveList } from '../../core/live-list';
import { atEndOfTurn } from '../../core/turn';

/** A body that trickles in holds a connection and its memory; no real client is silent for this long. */
const BODY_IDLE_MS = 30_000;
/** How much later than that silence may be noticed. */
const LOOK_EVERY_MS = 1_000;

class BodyTimeoutError extends GatewayError {
  constructor() {
    super(408, 'request_timeout', 'invalid_request_error', 'The request body did not arrive in time.');
  }
}

interface Reading {
  heardAtMs: number;
  readonly giveUp: () => void;
}

/** Bodies on their way in, one for each connection that sends one. One timer looks at all of them. */
const readings = new LiveList<Reading>();
let timer: NodeJS.Timeout | undefined;

/** Returns what ends the watch. */
function watch(reading: Reading): () => void {
  timer ??= setInterval(lookForSilence, LOOK_EVERY_MS).unref();
  return readings.add(reading);
}

function lookForSilence(): void {
  const oldestMs = performance.now() - BODY_IDLE_MS;
  for (const reading of readings) {
    if (reading.heardAtMs <= oldestMs) reading.giveUp();
  }
  if (readings.size > 0) return;
  clearInterval(timer);
  timer = undefined;
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
    const reading: Reading = { heardAtMs: performance.now(), giveUp: () => reject(new BodyTimeoutError()) };
    const ended = watch(reading);
    request.on('data', (piece: Buffer) => {
      reading.heardAtMs = performance.now();
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
      ended();
      atEndOfTurn(() => resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length)));
    });
    request.once('error', reject);
    request.once('close', () => {
      ended();
      // An error costs a stack trace: only a body that was cut is worth one.
      if (!request.complete) reject(new InvalidRequestError('The request body ended before it was complete.'));
    });
  });
}
