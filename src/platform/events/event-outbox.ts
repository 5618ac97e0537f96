import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

/** What webhooks can be told. */
export const EVENT_TYPES = [
  'budget.threshold',
  'budget.exceeded',
  'provider.down',
  'provider.up',
  'key.leaked',
  'key.anomaly',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface OutboxEvent {
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
  /** Two events with the same key are one, whichever replica saw it first. */
  readonly dedupeKey: string;
}

/** Events that somebody may want to be told of, kept in the database until everybody has been. */
@Injectable()
export class EventOutbox {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** True when nobody had seen the event before. */
  async publish({ type, data, dedupeKey }: OutboxEvent): Promise<boolean> {
    const rows = await this.database.query<{ published: boolean }[]>('select publish_event($1, $2, $3) as published', [
      type,
      JSON.stringify(data),
      dedupeKey,
    ]);
    return rows[0]?.published ?? false;
  }
}
