import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { GatewayContext, Identity } from '../core/context';
import { LiveConfig } from '../platform/config/live-config';
import { boundedRun } from './bounded-run';
import { Redactor } from './redactor';
import { TranscriptDraft } from './transcript-draft';
import { TranscriptMetrics } from './transcript.metrics';
import { TranscriptSeals } from './transcript-seals';
import { TranscriptStore, type TranscriptRow } from './transcript-store';
import { TranscriptsConfig } from './transcripts.config';

const MAX_WAITING = 2_000;
const MAX_WAITING_BYTES = 64 * 2 ** 20;
const BATCH = 50;
const FLUSH_AFTER_MS = 250;
const REDACTION_TIMEOUT_MS = 500;
/** A database that is away for longer costs transcripts: usage and money have a journal, these do not. */
const TRIES = 5;
const FIRST_RETRY_MS = 500;

/** A request that is over and waits to be written. */
interface Waiting {
  readonly context: GatewayContext;
  readonly identity: Identity;
  readonly draft: TranscriptDraft;
  readonly bytes: number;
}

/**
 * Keeps what was asked and answered, for the teams that want it: after the request, a batch at a time. Nothing waits for
 * it: what does not fit into the queue, cannot be redacted in time or cannot be written is left out and counted.
 */
@Injectable()
export class TranscriptRecorder implements OnApplicationShutdown {
  private readonly logger = new Logger(TranscriptRecorder.name);
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | null = null;
  private isStopping = false;
  private redactor: { readonly config: TranscriptsConfig; readonly instance: Redactor } | undefined;

  constructor(
    private readonly config: LiveConfig,
    private readonly seals: TranscriptSeals,
    private readonly store: TranscriptStore,
    private readonly metrics: TranscriptMetrics,
  ) {
    metrics.watch(() => this.waiting.length);
  }

  /** Reads along what is answered, when the team of the caller keeps it. */
  track(context: GatewayContext): void {
    const { identity } = context;
    if (identity?.storesContent !== true) return;
    const { max_characters: maxCharacters } = this.config.section(TranscriptsConfig);
    const draft = new TranscriptDraft(maxCharacters, () => context.request?.choices ?? 1);
    context.transcript = draft;
    context.defer(() => this.offer(context, identity, draft));
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.timer);
    await this.working;
    await this.flush();
  }

  private offer(context: GatewayContext, identity: Identity, draft: TranscriptDraft): void {
    const { request } = context;
    if (!request) return;
    const bytes = request.document.bytes.length + draft.size();
    if (this.waiting.length >= MAX_WAITING || this.waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.metrics.count('queue_full', 1);
      return;
    }
    this.waiting.push({ context, identity, draft, bytes });
    this.waitingBytes += bytes;
    if (this.timer || this.working) return;
    this.timer = setTimeout(() => this.start(), FLUSH_AFTER_MS).unref();
  }

  private start(): void {
    this.timer = undefined;
    this.working = this.flush().finally(() => {
      this.working = null;
    });
  }

  /** Until nothing waits any more. Never rejects. */
  private async flush(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH);
      const rows: TranscriptRow[] = [];
      for (const each of batch) {
        // Requests go first: one transcript is a few milliseconds of work at most.
        await nextTurn();
        const row = this.rowOf(each);
        if (row) rows.push(row);
      }
      if (rows.length > 0) await this.write(rows);
      this.waitingBytes -= batch.reduce((sum, { bytes }) => sum + bytes, 0);
    }
  }

  private rowOf({ context, identity, draft }: Waiting): TranscriptRow | null {
    const { requestId, startedAtMs, request } = context;
    try {
      const { prompt, answer } = boundedRun(
        () => ({
          prompt: this.currentRedactor.redact(request?.document.value),
          answer: this.currentRedactor.redact(draft.answer()),
        }),
        REDACTION_TIMEOUT_MS,
      );
      const text = JSON.stringify({ prompt, answer });
      const startedAt = new Date(startedAtMs);
      return { requestId, startedAt, teamId: identity.teamId, ...this.seals.seal(requestId, startedAtMs, text) };
    } catch (error) {
      this.metrics.count('not_redacted', 1);
      // The message of an error may hold a piece of the text.
      this.logger.warn(`What was asked and answered in ${requestId} is not kept: ${nameOf(error)} while redacting it`);
      return null;
    }
  }

  private async write(rows: readonly TranscriptRow[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.store.insert(rows);
        this.metrics.count('stored', rows.length);
        return;
      } catch (error) {
        if (attempt < TRIES && !this.isStopping) {
          await pause(FIRST_RETRY_MS * 2 ** (attempt - 1));
          continue;
        }
        this.metrics.count('not_written', rows.length);
        this.logger.warn(`${rows.length} transcripts are not kept: the database refused them (${nameOf(error)})`);
        return;
      }
    }
  }

  private get currentRedactor(): Redactor {
    const config = this.config.section(TranscriptsConfig);
    if (this.redactor?.config !== config) this.redactor = { config, instance: new Redactor(config) };
    return this.redactor.instance;
  }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });

const nameOf = (error: unknown): string =>
  error instanceof Error ? ('code' in error ? String(error.code) : '') || error.name : 'Error';
