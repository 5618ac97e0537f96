import * as fs from 'node:fs';
import type { WriteSync } from './segment';

const MEBIBYTE = 1024 * 1024;

/** How the write-ahead journal works. */
export interface JournalOptions {
  /** Holds one directory for each gateway process. */
  readonly root: string;
  /** A new segment begins beyond this size. */
  readonly segmentBytes: number;
  /** Beyond this size no attempt is begun, because its record could not be kept. */
  readonly maxBytes: number;
  /** `interval`: to the disk every `syncIntervalMs`; `each`: before every attempt. Both survive the death of the process; this is about power loss. */
  readonly sync: 'interval' | 'each';
  readonly syncIntervalMs: number;
  /** Records are shipped to the database at least this often. */
  readonly shipIntervalMs: number;
  /** Records in one transaction, intents included: more block the thread, which also answers requests, for too long. */
  readonly shipMaxRows: number;
  /** How often journals of dead processes are looked for. */
  readonly adoptIntervalMs: number;
  /** How long a process in another container must have been silent before its journal is taken over. */
  readonly silenceMs: number;
  /** How long the shutdown may take to ship what is left; the rest stays on disk for the next process. */
  readonly flushTimeoutMs: number;
  readonly writeSync: WriteSync;
}

export function journalOptions(root: string, changes: Partial<JournalOptions> = {}): JournalOptions {
  return {
    root,
    segmentBytes: 16 * MEBIBYTE,
    maxBytes: 1024 * MEBIBYTE,
    sync: 'interval',
    syncIntervalMs: 50,
    shipIntervalMs: 250,
    shipMaxRows: 1_000,
    adoptIntervalMs: 15_000,
    silenceMs: 60_000,
    flushTimeoutMs: 5_000,
    writeSync: fs.writeSync,
    ...changes,
  };
}
