import { Logger } from '@nestjs/common';
import type { Identity } from '../../core/context';
import type { Clock } from '../../platform/clock';
import type { CacheMetrics } from '../cache.metrics';
import { Patience } from '../patience';
import type { PromptEncoder, Unread } from './prompt-encoder';

/** Vectors that are kept, by text: 5,000 of 512 numbers are 10 MB. */
const MAX_KEPT = 5_000;
/** No encoder reads so much of a prompt that a longer one were worth asking for. */
const MAX_LENGTH = 8_000;

/** Why a text has no vector. */
export type Unencoded = Unread | 'late' | 'failed' | 'resting';

interface Running {
  readonly payer: string;
  readonly result: Promise<Float32Array | Unencoded>;
}

/**
 * The encoder as requests see it: it never fails them, never keeps them longer than its deadline, and is not asked twice
 * for one text. What comes late is kept for the next request.
 */
export class PatientEncoder {
  private readonly logger = new Logger('Cache');
  private readonly kept = new Map<string, Float32Array>();
  private readonly running = new Map<string, Running>();
  private readonly patience: Patience;

  constructor(
    private readonly encoder: PromptEncoder,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {
    this.patience = new Patience(clock);
  }

  get name(): string | null {
    return this.encoder.name;
  }

  /** Whether the vector of the text is at hand. */
  knows(text: string): boolean {
    return this.kept.has(text);
  }

  /** The vector of the text, or why there is none. Who asks first pays. */
  async encode(text: string, identity: Identity): Promise<Float32Array | Unencoded> {
    const known = this.recall(text);
    if (known) {
      this.metrics.encoding('kept');
      return known;
    }
    if (text.length > MAX_LENGTH) return 'too_long';
    const running = this.running.get(text);
    let result = await this.inTime(running?.result ?? this.start(text, identity));
    // What one caller cannot pay, another one may.
    const isOthers = running !== undefined && running.payer !== identity.keyId;
    if (isOthers && result === 'refused') result = await this.inTime(this.start(text, identity));
    this.metrics.encoding(typeof result === 'string' ? result : 'encoded');
    return result;
  }

  private start(text: string, identity: Identity): Promise<Float32Array | Unencoded> {
    if (!this.patience.mayTry()) return Promise.resolve('resting');
    const startedMs = this.clock.monotonic();
    const result = this.ask(text, identity, startedMs).finally(() => {
      if (this.running.get(text) === running) this.running.delete(text);
    });
    const running = { payer: identity.keyId, result };
    this.running.set(text, running);
    return result;
  }

  private async ask(text: string, identity: Identity, startedMs: number): Promise<Float32Array | Unencoded> {
    try {
      const encoded = await this.encoder.encode(text, identity);
      if (encoded === 'refused') return encoded;
      const tookMs = this.clock.monotonic() - startedMs;
      this.metrics.encodingTook(tookMs);
      // One that answers too late to be of use is as good as away.
      const isInTime = tookMs <= this.encoder.deadlineMs;
      if (isInTime && this.patience.succeeded()) this.logger.log('The encoder of the cache is back');
      if (typeof encoded !== 'string') this.keep(text, encoded);
      return encoded;
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      return 'failed';
    }
  }

  private inTime(running: Promise<Float32Array | Unencoded>): Promise<Float32Array | Unencoded> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.fail(`it has not answered within ${this.encoder.deadlineMs} ms`);
        resolve('late');
      }, this.encoder.deadlineMs);
      void running.then((result) => {
        clearTimeout(timer);
        resolve(result);
      });
    });
  }

  private fail(why: string): void {
    if (this.patience.failed()) this.logger.warn(`The encoder of the cache is away, requests go on without: ${why}`);
  }

  private recall(text: string): Float32Array | undefined {
    const vector = this.kept.get(text);
    if (!vector) return undefined;
    this.kept.delete(text);
    this.kept.set(text, vector);
    return vector;
  }

  private keep(text: string, vector: Float32Array): void {
    this.kept.set(text, vector);
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > MAX_KEPT && oldest !== undefined) this.kept.delete(oldest);
  }
}
