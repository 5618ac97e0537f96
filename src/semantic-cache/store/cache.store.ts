import type { PageRequest, Page } from '../../core/page';
import type { CacheEntry, CacheEntryView } from '../answers/cache-entry';

/** The largest entry that is kept, in bytes of its text. */
export const MAX_ENTRY_BYTES = 262_144;

/** Entries of one set of words that are compared with a new question; the newest are kept. */
export const MAX_ALIKE = 8;

/** How long a pair of questions that was reported as a wrong hit stays apart. */
export const BARRED_MS = 30 * 86_400_000;

export interface StoreSize {
  readonly entries: number;
  readonly bytes: number;
}

/** What of the store is meant. Both: entries that fit both. */
export interface EntryFilter {
  readonly requestedModel?: string | undefined;
  readonly scope?: string | undefined;
}

/** What one look-up found. */
export interface Found {
  /** The entry with the id; null when there is none, or an expired one. */
  readonly entry: CacheEntry | null;
  /** Entries of the same words, newest first, the one above left out; none when the question was barred. */
  readonly alike: readonly CacheEntry[];
}

/**
 * Where answers are kept. Bounded in entries and bytes; the entries closest to their end go first. Every method rejects
 * when the store is away: callers go on without it.
 */
export abstract class CacheStore {
  /** Looks for an entry and, with `words`, for entries of the same words. */
  abstract find(id: string, words: string | null): Promise<Found>;

  /** The entry, for the asker of another question; null when either question is barred. */
  abstract take(id: string, askedId: string): Promise<CacheEntry | null>;

  /** Keeps an entry in place of an older one; false when it is too large. `words`: the key under which similar questions find it. */
  abstract put(entry: CacheEntry, words: string | null): Promise<boolean>;

  /** True when there was such an entry. */
  abstract remove(id: string): Promise<boolean>;

  /** How many entries were removed. */
  abstract removeWhere(filter: EntryFilter): Promise<number>;

  /** Forgets all entries at once, whatever their number. */
  abstract flush(): Promise<void>;

  /** From now on this question gets no answer of another, and its answer goes to no other. */
  abstract bar(id: string): Promise<void>;

  /** The entries that live longest first. */
  abstract list(page: PageRequest): Promise<Page<CacheEntryView>>;

  abstract size(): Promise<StoreSize>;
}

export const viewOf = (entry: CacheEntry, bytes: number): CacheEntryView => ({
  id: entry.id,
  scope: entry.scope,
  requestedModel: entry.requestedModel,
  provider: entry.origin.provider,
  model: entry.origin.model,
  costNanoUsd: entry.origin.costNanoUsd,
  bytes,
  createdAtMs: entry.createdAtMs,
  expiresAtMs: entry.expiresAtMs,
});

/** A place in a list: the end of the entry's time and its id. */
export interface Cursor {
  readonly expiresAtMs: number;
  readonly id: string;
}

export const cursorOf = ({ expiresAtMs, id }: Cursor): string => `${expiresAtMs}.${id}`;

/** Null for a cursor that no list gave out. */
export function parseCursor(text: string): Cursor | null {
  const match = /^(\d{1,16})\.([0-9a-f]{64})$/.exec(text);
  return match ? { expiresAtMs: Number(match[1]), id: match[2]! } : null;
}

/** True when the entry comes after the cursor, in descending order. */
export const isAfter = (entry: Cursor, { expiresAtMs, id }: Cursor): boolean =>
  entry.expiresAtMs < expiresAtMs || (entry.expiresAtMs === expiresAtMs && entry.id < id);

export const matches = (entry: Pick<CacheEntry, 'requestedModel' | 'scope'>, filter: EntryFilter): boolean =>
  (filter.requestedModel === undefined || filter.requestedModel === entry.requestedModel) &&
  (filter.scope === undefined || filter.scope === entry.scope);
