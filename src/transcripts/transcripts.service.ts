import { Injectable } from '@nestjs/common';
import { LiveConfig } from '../platform/config/live-config';
import type { Redacted } from './redactor';
import { TranscriptSeals } from './transcript-seals';
import { TranscriptStore } from './transcript-store';
import { TranscriptsConfig } from './transcripts.config';

const DAY_MS = 24 * 60 * 60_000;

/** What was asked and answered in one request, without what was taken out of it. */
export interface Transcript {
  readonly requestId: string;
  readonly teamId: string;
  /** The body of the request. */
  readonly prompt: Redacted;
  /** The body of the answer, or the words of a stream; null when there was none. */
  readonly answer: Redacted;
  /** Which key it is encrypted with. */
  readonly keyId: string;
  readonly droppedAt: Date;
}

/** Reads transcripts. Who calls this sees to it that the reader may, and that the reading is on record. */
@Injectable()
export class TranscriptsService {
  constructor(
    private readonly store: TranscriptStore,
    private readonly seals: TranscriptSeals,
    private readonly config: LiveConfig,
  ) {}

  /** Whether there is one that is still kept. */
  has(requestId: string): Promise<boolean> {
    return this.store.has(requestId);
  }

  /** Null when none is kept. Throws when it does not open: it was changed, or sealed under another secret. */
  async read(requestId: string): Promise<Transcript | null> {
    const row = await this.store.find(requestId);
    if (!row) return null;
    const { prompt, answer } = JSON.parse(this.seals.open(requestId, row)) as Pick<Transcript, 'prompt' | 'answer'>;
    const { retention_days: days } = this.config.section(TranscriptsConfig);
    const droppedAt = new Date(row.startedAt.getTime() + days * DAY_MS);
    return { requestId, teamId: row.teamId, prompt, answer, keyId: row.keyId, droppedAt };
  }
}
