import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorDialect, FixedReply } from './error-replies';
import type { JournalDraft } from './journal';
import type { Random } from './random';

export interface CallTarget {
  readonly prefix: string;
  /** `/v1/…` without prefix and query. */
  readonly path: string;
  readonly dialect: ErrorDialect;
}

/** One HTTP exchange: its bytes, its waits, its line in the journal. */
export class Call {
  /** Headers every answer of this call carries. */
  readonly headers: Record<string, string> = {};
  /** The client has left, or the connection was ended. */
  closed = false;
  private readonly wakers = new Set<() => void>();

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly target: CallTarget,
    readonly entry: JournalDraft,
    readonly random: Random,
  ) {
    response.on('close', () => this.onClose());
  }

  /** Waits so long. False when the call ended meanwhile. */
  async sleep(ms: number): Promise<boolean> {
    if (this.closed) return false;
    if (ms <= 0) return true;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.wakers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.wakers.add(wake);
    });
    return !this.closed;
  }

  /** Waits until the connection ends. */
  async untilClosed(): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve) => this.wakers.add(resolve));
  }

  writeHead(status: number, contentType: string, extra: Readonly<Record<string, string>> = {}): void {
    this.entry.status = status;
    this.response.writeHead(status, { 'content-type': contentType, ...this.headers, ...extra });
  }

  /** Writes and waits until the socket has room again. False when the call ended. */
  async write(bytes: Buffer | string): Promise<boolean> {
    if (this.closed) return false;
    this.entry.bytesSent += Buffer.byteLength(bytes);
    if (this.response.write(bytes)) return true;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.response.off('drain', wake);
        this.wakers.delete(wake);
        resolve();
      };
      this.response.once('drain', wake);
      this.wakers.add(wake);
    });
    return !this.closed;
  }

  /** The last bytes of the whole answer. */
  finish(bytes: Buffer | string = ''): void {
    if (this.closed) return;
    this.entry.bytesSent += Buffer.byteLength(bytes);
    this.entry.finished = true;
    this.response.end(bytes);
  }

  /** Ends the connection properly although the answer is not complete. */
  endEarly(): void {
    this.entry.closedBy = 'server';
    this.response.end();
  }

  /** Drops the connection in the middle of the body. */
  destroy(): void {
    this.entry.closedBy = 'server';
    this.response.destroy();
  }

  /** Resets the connection (RST). */
  reset(): void {
    this.entry.closedBy = 'server';
    this.response.socket?.resetAndDestroy();
  }

  sendFixed(reply: FixedReply): void {
    const bytes = Buffer.from(reply.body);
    this.writeHead(reply.status, reply.contentType, { ...reply.headers, 'content-length': String(bytes.length) });
    this.finish(bytes);
  }

  private onClose(): void {
    this.closed = true;
    if (!this.response.writableFinished) {
      this.entry.finished = false;
      this.entry.closedBy ??= 'client';
    }
    for (const wake of this.wakers) wake();
    this.wakers.clear();
  }
}
