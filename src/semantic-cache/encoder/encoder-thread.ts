import { Worker } from 'node:worker_threads';
import { Logger } from '@nestjs/common';
import type { EncoderStart, EncodingAnswer, EncodingOrder } from './encoder-thread.port';
import { NativeSection } from './native-section';
import type { Encoded } from './prompt-encoder';

/** Texts that wait for the thread at a time; beyond it a text is refused at once. */
const MAX_WAITING = 256;
/** A thread that has said nothing for so long while a text waits is stuck: it is replaced. */
const STUCK_MS = 5_000;
/** How long a thread may load its model: a large one is read from a slow disk. */
const LOADING_MS = 120_000;
const RESTART_MS = 1_000;
/** How long an exit of the process waits for a text that is being encoded. */
const EXIT_WAIT_MS = 2_000;

interface Thread {
  readonly worker: Worker;
  readonly native: NativeSection;
}

interface Waiting {
  readonly resolve: (encoded: Encoded) => void;
  readonly reject: (error: Error) => void;
  readonly sinceMs: number;
}

/** A worker thread that encodes texts, replaced when it dies or hangs. */
export class EncoderThread {
  private readonly logger = new Logger('Cache');
  private readonly waiting = new Map<number, Waiting>();
  private thread: Thread | null = null;
  private restart: NodeJS.Timeout | null = null;
  private lastId = 0;
  private heardMs = 0;
  private isLoaded = false;
  private isClosed = false;
  private failure: string | null = null;
  private modelName: string | null = null;

  /** `file`: what the thread runs; it must call `answerEncodings`. `model`: what it is told. */
  constructor(
    private readonly file: string,
    private readonly model: unknown,
    private readonly nowMs: () => number,
  ) {
    this.open();
  }

  /** Model and version; null until it has been loaded. */
  get name(): string | null {
    return this.modelName;
  }

  encode(text: string): Promise<Encoded> {
    if (this.failure !== null) return Promise.reject(new Error(this.failure));
    this.replaceIfStuck();
    const { thread } = this;
    if (!thread) return Promise.reject(new Error('the encoder is starting again'));
    if (this.waiting.size >= MAX_WAITING) return Promise.reject(new Error('the encoder is behind'));
    return new Promise((resolve, reject) => {
      const id = (this.lastId += 1);
      this.waiting.set(id, { resolve, reject, sinceMs: this.nowMs() });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      thread.worker.postMessage({ id, text } satisfies EncodingOrder);
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.restart) clearTimeout(this.restart);
    const { thread } = this;
    this.thread = null;
    this.refuseAll('the gateway is stopping');
    if (thread) await end(thread);
  }

  private open(): void {
    const native = new NativeSection();
    const start: EncoderStart<unknown> = { model: this.model, native: native.shared };
    const worker = new Worker(this.file, { workerData: start });
    const thread = { worker, native };
    const atExit = (): void => native.shutNow(EXIT_WAIT_MS);
    process.once('exit', atExit);
    // The thread alone keeps no process alive.
    worker.unref();
    worker.on('message', (answer: EncodingAnswer) => {
      if (this.thread === thread) this.take(answer);
    });
    worker.on('error', (error) => this.lose(thread, error.message));
    worker.once('exit', () => {
      process.off('exit', atExit);
      native.leave();
      this.lose(thread, 'the encoder thread has ended');
    });
    this.thread = thread;
    this.heardMs = this.nowMs();
    this.isLoaded = false;
  }

  private take(answer: EncodingAnswer): void {
    this.heardMs = this.nowMs();
    if (answer.kind === 'ready') return this.ready(answer.name);
    if (answer.kind === 'failed') return this.giveUp(answer.message);
    const order = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (answer.kind === 'encoded') order?.resolve(answer.encoded);
    else order?.reject(new Error(answer.message));
  }

  private ready(name: string): void {
    // Vectors of the model before are kept elsewhere under its name.
    if (this.modelName !== null && name !== this.modelName)
      return this.giveUp(`its files have changed since the gateway started (${name}); start it again`);
    this.modelName = name;
    this.isLoaded = true;
  }

  /** The same again would fail again: whoever runs the gateway has to mend it. */
  private giveUp(why: string): void {
    this.failure = why;
    this.logger.error(`The encoder of the cache cannot start: ${why}`);
    this.refuseAll(why);
  }

  private replaceIfStuck(): void {
    const [oldest] = this.waiting.values();
    const { thread } = this;
    if (!thread || !oldest) return;
    const silentMs = this.nowMs() - Math.max(oldest.sinceMs, this.heardMs);
    if (silentMs < (this.isLoaded ? STUCK_MS : LOADING_MS)) return;
    this.lose(thread, 'the encoder does not answer');
    void end(thread);
  }

  private lose(thread: Thread, why: string): void {
    if (this.thread !== thread) return;
    this.thread = null;
    this.refuseAll(why);
    if (this.isClosed) return;
    this.logger.warn(`${why}; starting it again`);
    this.restart = setTimeout(() => this.open(), RESTART_MS).unref();
  }

  private refuseAll(why: string): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of all) reject(new Error(why));
  }
}

async function end({ worker, native }: Thread): Promise<void> {
  await native.shut();
  await worker.terminate();
}
