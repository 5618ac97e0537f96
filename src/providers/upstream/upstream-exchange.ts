import type { Dispatcher } from 'undici';
import type { Cancellable } from '../../core/cancel-signal';
import { UpstreamError } from '../../core/errors';
import { atEndOfTurn } from '../../core/turn';
import { PhaseTimer, type Deadline, type PhaseTimeouts } from './phase-timer';

export type { PhaseTimeouts } from './phase-timer';

/** Bytes that may wait for a slow reader before the provider's socket is paused. */
const HIGH_WATER_BYTES = 65_536;
/** What is held of an answer whose provider cannot be made to wait: more than a model writes. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

const ONCE = { once: true };

/** How long the end of an answer may lag behind its last event. */
const RELEASE_MS = 1000;

const DEADLINE_TEXT: Readonly<Record<Exclude<Deadline, 'release'>, string>> = {
  connect: 'did not accept the connection in time',
  first_byte: 'did not begin to answer in time',
  idle: 'stopped answering in the middle of the answer',
  total: 'did not finish the answer in time',
};

export interface UpstreamHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * One HTTP exchange with a provider: a handler for undici's `dispatch` (no web streams, no per-request signal), with a
 * deadline for each phase and back-pressure towards the provider. `head` settles once; `chunks` may be read once.
 */
export class UpstreamExchange implements Dispatcher.DispatchHandler {
  readonly head: Promise<UpstreamHead>;
  private resolveHead!: (head: UpstreamHead) => void;
  private rejectHead!: (error: unknown) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private readonly queue: Buffer[] = [];
  private queuedBytes = 0;
  private wake: (() => void) | undefined;
  private failure: UpstreamError | undefined;
  private isEnded = false;
  private isPaused = false;
  private mayPause = false;
  /** The reader will be woken at the end of this turn: until then what waits says nothing of how fast it is. */
  private isWakeDue = false;
  private isReleased = false;
  private hasHead = false;
  private readonly timer: PhaseTimer;

  constructor(
    private readonly provider: string,
    private readonly timeouts: PhaseTimeouts,
    private readonly signal: Cancellable,
    private readonly onDone: () => void,
  ) {
    this.head = new Promise((resolve, reject) => {
      this.resolveHead = resolve;
      this.rejectHead = reject;
    });
    // The reader may arrive later, or never: the failure is kept and not reported as unhandled.
    this.head.catch(() => undefined);
    this.timer = new PhaseTimer('connect', timeouts.connectMs, timeouts.totalMs, (deadline) => this.timeOut(deadline));
    if (signal.aborted) this.abort();
    else signal.addEventListener('abort', this.onAbort, ONCE);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.failure) {
      controller.abort(this.failure);
      return;
    }
    this.timer.enter('first_byte', this.timeouts.firstByteMs);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: UpstreamHead['headers']): void {
    if (status < 200 || this.failure) return;
    this.hasHead = true;
    this.mayPause = staysOpen(headers);
    this.timer.enter('idle', this.timeouts.idleMs);
    this.handOn(() => this.resolveHead({ status, headers }));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.failure || this.isReleased) return;
    // Of what comes in one turn the first piece tells the time.
    if (!this.isWakeDue) this.timer.enter('idle', this.timeouts.idleMs);
    this.queue.push(chunk);
    this.queuedBytes += chunk.length;
    this.notify();
    if (this.queuedBytes > HIGH_WATER_BYTES && !this.isPaused && !this.isWakeDue) this.holdBack(controller);
  }

  private holdBack(controller: Dispatcher.DispatchController): void {
    if (this.mayPause) {
      this.isPaused = true;
      controller.pause();
      // Silence while the reader is slow is our doing, not the provider's.
      this.timer.hold();
    } else if (this.queuedBytes > MAX_HELD_BYTES) {
      const text = `More than ${MAX_HELD_BYTES} bytes of the answer were not taken in time`;
      this.fail(new UpstreamError(this.provider, 'cancelled', text, { reason: 'slow_reader' }));
    }
  }

  onResponseEnd(): void {
    this.isEnded = true;
    this.finish();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.fail(connectionError(this.provider, error, this.hasHead));
  }

  /** Stops the exchange at once, wherever it is; harmless when it is over. */
  abort(): void {
    this.fail(new UpstreamError(this.provider, 'cancelled', 'The call was cancelled', { reason: 'cancelled' }));
  }

  /**
   * The reader has all it needs: what still comes is dropped, so that the connection can be used again. A provider that
   * does not end the answer within a second loses the connection.
   */
  release(): void {
    if (this.isEnded || this.failure) return;
    this.isReleased = true;
    this.signal.removeEventListener('abort', this.onAbort);
    this.timer.enter('release', RELEASE_MS);
    if (this.isPaused) this.controller?.resume();
  }

  /** The body, chunk by chunk; throws `UpstreamError` when the exchange fails, and aborts it when the reader stops early. */
  async *chunks(): AsyncGenerator<Buffer, void> {
    try {
      for (;;) {
        if (this.queue.length > 0) yield this.take();
        else if (this.failure) throw this.failure;
        else if (this.isEnded) return;
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      if (!this.isEnded && !this.isReleased) this.abort();
    }
  }

  /** The whole body. Larger than `limitBytes`: `UpstreamError`. */
  async bytes(limitBytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      while (this.queue.length > 0) {
        const piece = this.take();
        length += piece.length;
        pieces.push(piece);
      }
      if (length > limitBytes) {
        this.abort();
        throw new UpstreamError(this.provider, 'unavailable', `The answer is larger than ${limitBytes} bytes`, {
          reason: 'too_large',
        });
      }
      if (this.failure) throw this.failure;
      if (this.isEnded) return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Everything that has arrived, in one piece, so that a burst of events costs one write. */
  private take(): Buffer {
    const pieces = this.queue.splice(0);
    const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, this.queuedBytes);
    this.queuedBytes = 0;
    if (this.isPaused && !this.isEnded && !this.failure) {
      this.isPaused = false;
      this.timer.enter('idle', this.timeouts.idleMs);
      this.controller?.resume();
    }
    return bytes;
  }

  private timeOut(deadline: Deadline): void {
    if (deadline === 'release') return this.abort();
    const { connectMs, firstByteMs, idleMs, totalMs } = this.timeouts;
    const milliseconds = { connect: connectMs, first_byte: firstByteMs, idle: idleMs, total: totalMs }[deadline];
    const text = `Provider "${this.provider}" ${DEADLINE_TEXT[deadline]} (${milliseconds} ms)`;
    this.fail(new UpstreamError(this.provider, 'timeout', text, { reason: `${deadline}_timeout` }));
  }

  private readonly onAbort = (): void => this.abort();

  private fail(error: UpstreamError): void {
    if (this.failure || this.isEnded) return;
    const { controller } = this;
    this.failure = error;
    this.finish();
    // A head that has arrived is told, and the failure is the body's.
    if (!this.hasHead) this.rejectHead(error);
    controller?.abort(error);
  }

  private finish(): void {
    this.timer.stop();
    // It holds every header of the answer as bytes, and an exchange is kept longer than it is needed.
    this.controller = undefined;
    this.signal.removeEventListener('abort', this.onAbort);
    this.notify();
    this.onDone();
  }

  private notify(): void {
    const { wake } = this;
    this.wake = undefined;
    if (wake) this.handOn(wake);
  }

  private handOn(news: () => void): void {
    this.isWakeDue = true;
    atEndOfTurn(() => {
      this.isWakeDue = false;
      news();
    });
  }
}

/**
 * Whether the connection outlives the answer, and so may be paused: undici ends the process with a failed assertion when a
 * connection that was to end with its answer ends, or breaks, while it is paused (nodejs/undici#5360).
 */
function staysOpen({ connection, 'transfer-encoding': encoding }: UpstreamHead['headers']): boolean {
  // Only HTTP/1.1 has chunks, and it stays open unless it says otherwise; what has a length may come from an older server.
  return String(encoding ?? '').toLowerCase() === 'chunked' && !/\bclose\b/i.test(String(connection ?? ''));
}

/** Words for the socket errors an operator meets; the address and the cause's own text stay out of the message. */
function connectionError(provider: string, error: Error, hasHead: boolean): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  if (code === 'ERR_BLOCKED_ADDRESS') {
    const text = `Provider "${provider}" resolves to a private address, which is not allowed for it`;
    return new UpstreamError(provider, 'misconfigured', text, { reason: 'blocked_address', cause: error });
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    const text = `Provider "${provider}" ${DEADLINE_TEXT.connect}`;
    return new UpstreamError(provider, 'timeout', text, { reason: 'connect_timeout', cause: error });
  }
  const text = hasHead
    ? `The connection to provider "${provider}" broke in the middle of the answer`
    : `Provider "${provider}" cannot be reached (${code})`;
  return new UpstreamError(provider, 'unavailable', text, {
    reason: hasHead ? 'connection_broken' : 'connection_failed',
    cause: error,
  });
}
