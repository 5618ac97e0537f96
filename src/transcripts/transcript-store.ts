import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { SealedTranscript } from './transcript-seals';

export interface TranscriptRow extends SealedTranscript {
  readonly requestId: string;
  readonly startedAt: Date;
  readonly teamId: string;
}

const INSERT = `
  insert into transcripts (request_id, started_at, team_id, key_id, sealed)
  select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[])
  on conflict do nothing`;

const DROP = `
  delete from transcripts where request_id in (
    select request_id from transcripts where started_at < $1 order by started_at limit $2 for update skip locked)`;

/** Rows that one statement drops. */
const DROP_BATCH = 2_000;

/** The table of transcripts. */
@Injectable()
export class TranscriptStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async insert(rows: readonly TranscriptRow[]): Promise<void> {
    await this.database.query(INSERT, [
      rows.map(({ requestId }) => requestId),
      rows.map(({ startedAt }) => startedAt.toISOString()),
      rows.map(({ teamId }) => teamId),
      rows.map(({ keyId }) => keyId),
      rows.map(({ sealed }) => sealed),
    ]);
  }

  async find(requestId: string): Promise<TranscriptRow | null> {
    const [row] = await this.database.query<TranscriptRow[]>(
      `select request_id as "requestId", started_at as "startedAt", team_id as "teamId", key_id as "keyId", sealed
       from transcripts where request_id = $1`,
      [requestId],
    );
    return row ?? null;
  }

  async has(requestId: string): Promise<boolean> {
    const rows = await this.database.query<unknown[]>('select 1 from transcripts where request_id = $1', [requestId]);
    return rows.length > 0;
  }

  /** Drops those of requests that began before; returns how many. A batch at a time, so that no lock is held long. */
  async dropBefore(time: Date): Promise<number> {
    let dropped = 0;
    for (;;) {
      const [, count] = await this.database.query<[unknown, number]>(DROP, [time, DROP_BATCH]);
      dropped += count;
      if (count < DROP_BATCH) return dropped;
    }
  }
}
