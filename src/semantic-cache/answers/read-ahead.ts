import type { StreamEvent } from '../../core/reply';

type Batch = readonly StreamEvent[];

/** How far, in bytes, a stream is read ahead of a client that takes it slowly, so that others need not wait for him. */
const MAX_AHEAD = 1_048_576;

export interface Reading {
  /** Told of each batch, once, in order, before the client has it. */
  onBatch(batch: Batch): void;
  /** Told once that nothing more comes, and why, when that is an error. */
  onOver(error: unknown): void;
}

/** A stream that is read as its client takes it, and on its own for as long as others listen too. */
export class ReadAhead {
  private readonly source: AsyncIterator<Batch>;
  private readonly queue: Batch[] = [];
  private aheadBytes = 0;
  private hasClient = true;
  private isClientDone = false;
  private isReadingOn = false;
  private isPumping = false;
  private isOver = false;
  private failure: { readonly error: unknown } | null = null;
  private reading: Promise<void> | null = null;

  constructor(
    source: AsyncIterable<Batch>,
    private readonly listener: Reading,
  ) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** The stream as the client gets it. */
  async *batches(): AsyncGenerator<Batch, void> {
    try {
      for (;;) {
        while (this.queue.length === 0 && !this.isOver) await this.read();
        const batch = this.queue.shift();
        if (!batch) break;
        this.aheadBytes -= sizeOf(batch);
        this.pump();
        yield batch;
      }
      if (this.failure) throw this.failure.error;
    } finally {
      this.isClientDone = true;
      this.dropClient();
      if (!this.isReadingOn) await this.stop();
    }
  }

  /** Whether it is to be read when the client does not take it. */
  readOn(isWanted: boolean): void {
    this.isReadingOn = isWanted;
    if (isWanted) this.pump();
    else if (this.isClientDone) void this.stop();
  }

  /** Nothing need be kept for the client any more, who may read on all the same, for the end of it. */
  dropClient(): void {
    this.hasClient = false;
    this.queue.length = 0;
    this.aheadBytes = 0;
    this.pump();
  }

  private pump(): void {
    if (this.isPumping || !this.isReadingOn) return;
    this.isPumping = true;
    void this.readAll().finally(() => (this.isPumping = false));
  }

  private async readAll(): Promise<void> {
    while (this.isReadingOn && !this.isOver && this.aheadBytes < MAX_AHEAD) await this.read();
  }

  /** One at a time, whoever wants it. Never rejects. */
  private read(): Promise<void> {
    this.reading ??= this.readOne();
    return this.reading;
  }

  private async readOne(): Promise<void> {
    try {
      const next = await this.source.next();
      if (next.done) return this.finish(null);
      this.listener.onBatch(next.value);
      if (!this.hasClient) return;
      this.queue.push(next.value);
      this.aheadBytes += sizeOf(next.value);
    } catch (error) {
      this.finish({ error });
    } finally {
      this.reading = null;
    }
  }

  private finish(failure: { readonly error: unknown } | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.failure = failure;
    this.listener.onOver(failure?.error);
  }

  private async stop(): Promise<void> {
    const { reading } = this;
    this.finish(null);
    const returned = this.source.return?.();
    // A read under way ends with the request.
    if (reading) returned?.catch(() => {});
    else await returned;
  }
}

const sizeOf = (batch: Batch): number => batch.reduce((sum, { raw, text }) => sum + (raw?.length ?? text.length), 0);
