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
  /** Somebody has waited for it in vain; it has failed once, however many wait. */
  isLate: boolean;
}

/** Whose prompt it is. */
export interface Asker {
  /** On whose account its vector is. */
  readonly identity: Identity;
  /** Those who share answers. What others have asked must not show, not even by how long a vector takes. */
  readonly scope: string;
}

/**
 * The encoder as requests see it: it never fails them, never keeps them longer than its deadline, and is not asked twice
 * for one text of one scope. What comes late is kept for the next request.
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
  knows(text: string, { scope }: Asker): boolean {
    return this.kept.has(keyOf(text, scope));
  }

  /** Makes the vector of the text for whoever waits for it later; nobody waits here. */
  begin(text: string, asker: Asker): void {
    const key = keyOf(text, asker.scope);
    if (!this.kept.has(key) && !this.running.has(key) && text.length <= MAX_LENGTH) void this.start(text, asker).result;
  }

  /** The vector of the text, or why there is none. Who asks first pays. */
  async encode(text: string, asker: Asker): Promise<Float32Array | Unencoded> {
    const key = keyOf(text, asker.scope);
    const known = this.recall(key);
    if (known) {
      this.metrics.encoding('kept');
      return known;
    }
    if (text.length > MAX_LENGTH) return 'too_long';
    const running = this.running.get(key);
    let result = await this.inTime(running ?? this.start(text, asker));
    // What one caller cannot pay, another one may.
    const isOthers = running !== undefined && running.payer !== asker.identity.keyId;
    if (isOthers && result === 'refused') result = await this.inTime(this.start(text, asker));
    this.metrics.encoding(typeof result === 'string' ? result : 'encoded');
    return result;
  }

  private start(text: string, asker: Asker): Running {
    const payer = asker.identity.keyId;
    if (!this.patience.mayTry()) return { payer, result: Promise.resolve('resting'), isLate: false };
    const key = keyOf(text, asker.scope);
    const result = this.ask(text, asker, this.clock.monotonic()).finally(() => {
      if (this.running.get(key) === running) this.running.delete(key);
    });
    const running: Running = { payer, result, isLate: false };
    this.running.set(key, running);
    return running;
  }

  private async ask(text: string, { identity, scope }: Asker, startedMs: number): Promise<Float32Array | Unencoded> {
    try {
      const encoded = await this.encoder.encode(text, identity);
      if (encoded === 'refused') return encoded;
      const tookMs = this.clock.monotonic() - startedMs;
      this.metrics.encodingTook(tookMs);
      // One that answers too late to be of use is as good as away.
      const isInTime = tookMs <= this.encoder.deadlineMs;
      if (isInTime && this.patience.succeeded()) this.logger.log('The encoder of the cache is back');
      if (typeof encoded !== 'string') this.keep(keyOf(text, scope), encoded);
      return encoded;
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      return 'failed';
    }
  }

  private inTime(running: Running): Promise<Float32Array | Unencoded> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        if (!running.isLate) this.fail(`it has not answered within ${this.encoder.deadlineMs} ms`);
        running.isLate = true;
        resolve('late');
      }, this.encoder.deadlineMs);
      void running.result.then((result) => {
        clearTimeout(timer);
        resolve(result);
      });
    });
  }

  private fail(why: string): void {
    if (this.patience.failed()) this.logger.warn(`The encoder of the cache is away, requests go on without: ${why}`);
  }

  private recall(key: string): Float32Array | undefined {
    const vector = this.kept.get(key);
    if (!vector) return undefined;
    this.kept.delete(key);
    this.kept.set(key, vector);
    return vector;
  }

  private keep(key: string, vector: Float32Array): void {
    this.kept.set(key, vector);
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > MAX_KEPT && oldest !== undefined) this.kept.delete(oldest);
  }
}

const keyOf = (text: string, scope: string): string => `${scope}\n${text}`;
