import { Logger } from '@nestjs/common';
import * as fs from 'node:fs';
import path from 'node:path';
import { BadRowError, type UsageRows, type UsageStore } from '../store/usage-store';
import type { AttemptText, Booking, RowJson } from '../usage-rows';
import { QUARANTINE } from './journal';
import type { RecordKind } from './record';

const POISON_FILE = 'rows.jsonl';
const LINE_BREAK = 0x0a;

export interface ReadRecord {
  readonly kind: RecordKind;
  readonly payload: RowJson;
}

/** What a record says. */
export type JournalEntry =
  | { readonly kind: 'intent'; readonly attempt: AttemptText; readonly asked: RowJson }
  | { readonly kind: 'settle'; readonly attempt: AttemptText }
  | { readonly kind: 'request'; readonly request: RowJson };

/** Writes records to the store. A row that the store will never take is put aside and holds nothing up. */
export class RecordWriter {
  private readonly logger = new Logger(RecordWriter.name);
  private poisoned = 0;

  constructor(
    private readonly store: UsageStore,
    private readonly root: string,
  ) {}

  /** Rows put aside since the start. */
  get poisonedRows(): number {
    return this.poisoned;
  }

  /** Takes the records apart; those without meaning are put aside. */
  parse(records: readonly ReadRecord[]): JournalEntry[] {
    return records.flatMap((record) => {
      const entry = entryOf(record);
      if (entry) return [entry];
      this.putAside(record.payload, 'is no record');
      return [];
    });
  }

  /** Throws when the store is away; then nothing is lost and the call may be repeated. */
  async write(rows: UsageRows): Promise<void> {
    try {
      await this.store.write(rows);
    } catch (error) {
      if (!(error instanceof BadRowError)) throw error;
      await this.isolate(rows, error);
    }
  }

  async writeInterrupted(requests: readonly string[]): Promise<void> {
    try {
      await this.store.writeInterrupted(requests);
    } catch (error) {
      if (!(error instanceof BadRowError)) throw error;
      const [only] = requests;
      if (requests.length === 1 && only !== undefined) this.putAside(only, error.message);
      else for (const request of requests) await this.writeInterrupted([request]);
    }
  }

  closeInstance(instanceId: string): Promise<void> {
    return this.store.closeInstance(instanceId);
  }

  /** Halves until the bad row is alone: one bad row in a thousand costs about twenty writes. */
  private async isolate({ attempts, requests }: UsageRows, error: BadRowError): Promise<void> {
    const total = attempts.length + requests.length;
    if (total === 1) {
      this.putAside(attempts[0]?.json ?? requests[0] ?? '', error.message);
      return;
    }
    const middle = Math.ceil(total / 2);
    const ofRequests = Math.max(0, middle - attempts.length);
    await this.write({ attempts: attempts.slice(0, middle), requests: requests.slice(0, ofRequests) });
    await this.write({ attempts: attempts.slice(middle), requests: requests.slice(ofRequests) });
  }

  private putAside(payload: RowJson, why: string): void {
    this.poisoned += 1;
    const file = path.join(this.root, QUARANTINE, POISON_FILE);
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.appendFileSync(file, `${payload.toString()}\n`, { mode: 0o600 });
    this.logger.error(`A usage row cannot be stored and was put aside in ${file}: ${why}`);
  }
}

/** The rows of settlements and requests; intents are no rows. */
export function rowsOf(entries: readonly JournalEntry[]): UsageRows {
  return {
    attempts: entries.flatMap((entry) => (entry.kind === 'settle' ? [entry.attempt] : [])),
    requests: entries.flatMap((entry) => (entry.kind === 'request' ? [entry.request] : [])),
  };
}

/** Lines of JSON, which has no line break of its own: see `AttemptRecord`. */
function entryOf({ kind, payload }: ReadRecord): JournalEntry | null {
  if (kind === 'request') return { kind, request: payload };
  const [json, booking, asked] = linesOf(typeof payload === 'string' ? Buffer.from(payload) : payload);
  const read = booking === undefined ? null : parseBooking(booking.toString());
  if (read === undefined) return null;
  const attempt: AttemptText = { json, booking: read };
  if (kind === 'settle') return { kind, attempt };
  return asked === undefined ? null : { kind, attempt, asked };
}

function linesOf(bytes: Buffer): [first: Buffer, second?: Buffer, third?: Buffer] {
  const first = bytes.indexOf(LINE_BREAK);
  if (first < 0) return [bytes];
  const second = bytes.indexOf(LINE_BREAK, first + 1);
  if (second < 0) return [bytes.subarray(0, first), bytes.subarray(first + 1)];
  return [bytes.subarray(0, first), bytes.subarray(first + 1, second), bytes.subarray(second + 1)];
}

function parseBooking(text: string): Booking | null | undefined {
  try {
    return JSON.parse(text) as Booking | null;
  } catch {
    return undefined;
  }
}
