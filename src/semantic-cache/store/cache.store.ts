import { InvalidRequestError } from '../../core/errors';
import type { PageRequest, Page } from '../../core/page';
import type { CacheEntry, CacheEntryView } from '../answers/cache-entry';
import type { Lease } from './flight-lease';

/** The largest entry that is kept, in bytes of its text. */
export const MAX_ENTRY_BYTES = 262_144;

/** Entries of one set of words that are compared with a new question; the newest are kept. */
export const MAX_ALIKE = 8;

/** How long a pair of questions that was reported as a wrong hit stays apart. */
export const BARRED_MS = 30 * 86_400_000;

/** How long two questions that a judge found to have one answer stay linked. */
export const LINKED_MS = 30 * 86_400_000;

export interface StoreSize {
  readonly entries: number;
  readonly bytes: number;
}

/** What of the store is meant. Both: entries that fit both. */
export interface EntryFilter {
  readonly requestedModel?: string | undefined;
  readonly scope?: string | undefined;
}

/** Two questions that a judge found to have one answer: the one may be given the other's. */
export interface QuestionLink {
  /** Of the question that is asked. */
  readonly id: string;
  /** Of the question whose answer it may be given. */
  readonly entryId: string;
  readonly scope: string;
  readonly requestedModel: string;
  /** Cosine of the two. */
  readonly similarity: number;
  /** Who found it so: `provider/model`. */
  readonly judge: string;
  /** The request whose question it was, and the one the judge was asked with: both have their records. */
  readonly requestId: string;
  readonly judgeRequestId: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface FindOptions {
  /** For how long whoever finds nothing takes the lease. */
  readonly leaseMs?: number | undefined;
  /** The entry of another question whose answer will do. */
  readonly nearId?: string | undefined;
}

/** What one look-up found. */
export interface Found {
  /** The entry with the id, which may be past its time and only kept for when providers fail; null when there is none. */
  readonly entry: CacheEntry | null;
  /** The entry of the question that this one is linked to, when the one above is not fresh; null when either is barred. */
  readonly linked: { readonly entry: CacheEntry; readonly similarity: number } | null;
  /** Fresh entries of the same words, newest first, the first one left out; none when the question was barred. */
  readonly alike: readonly CacheEntry[];
  /** The fresh entry that was asked for with `nearId`, when the first one is not fresh; null when either question is barred. */
  readonly near: CacheEntry | null;
  /** The lease that was to be taken when there is nothing, or who has it; null when there is something, or one process alone. */
  readonly lease: Lease | 'held' | null;
}

/**
 * Where answers are kept. Bounded in entries and bytes; the entries closest to their end go first. Every method rejects
 * when the store is away: callers go on without it.
 */
export abstract class CacheStore {
  /**
   * Looks for an entry and, with `words`, for the one it is linked to and for entries of the same words. With `leaseMs`,
   * whoever finds nothing fresh has taken the lease in the same instant, or sees that another has it.
   */
  abstract find(id: string, words: string | null, options?: FindOptions): Promise<Found>;

  /**
   * The right to ask a provider for the entry's answer, or that another has it; null where one process knows without. It
   * ends by itself after so long, unless it is renewed.
   */
  abstract lease(id: string, milliseconds: number): Promise<Lease | 'held' | null>;

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

  /** Links a question to another, in place of an older link. Bounded: the links closest to their end go first. */
  abstract link(link: QuestionLink): Promise<void>;

  /** True when the question was linked. */
  abstract unlink(id: string): Promise<boolean>;

  /** The links that last longest first. */
  abstract links(page: PageRequest): Promise<Page<QuestionLink>>;

  /** The entries that are kept longest first. */
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
  keptUntilMs: entry.keptUntilMs,
});

/** A place in a list: when what is listed goes, and its id. */
export interface Cursor {
  readonly keptUntilMs: number;
  readonly id: string;
}

export const cursorOf = ({ keptUntilMs, id }: Cursor): string => `${keptUntilMs}.${id}`;

/** Null for a cursor that no list gave out. */
export function parseCursor(text: string): Cursor | null {
  const match = /^(\d{1,16})\.([0-9a-f]{64})$/.exec(text);
  return match ? { keptUntilMs: Number(match[1]), id: match[2]! } : null;
}

/** True when the entry comes after the cursor, in descending order. */
export const isAfter = (entry: Cursor, { keptUntilMs, id }: Cursor): boolean =>
  entry.keptUntilMs < keptUntilMs || (entry.keptUntilMs === keptUntilMs && entry.id < id);

/** A page of what is all in memory. */
export function pageOf<T>(all: readonly T[], { limit, cursor }: PageRequest, placeOf: (item: T) => Cursor): Page<T> {
  const after = cursor === null ? null : parseCursor(cursor);
  if (cursor !== null && after === null) throw notACursor();
  const rest = all
    .filter((item) => after === null || isAfter(placeOf(item), after))
    .sort((left, right) => (isAfter(placeOf(left), placeOf(right)) ? 1 : -1));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rest.length > limit && last !== undefined ? cursorOf(placeOf(last)) : null };
}

export const notACursor = (): InvalidRequestError =>
  new InvalidRequestError('cursor is not one that this list gave out: pass next_cursor as it came.', 'cursor');

/** Where a link stands in a list. */
export const placeOfLink = ({ expiresAtMs, id }: QuestionLink): Cursor => ({ keptUntilMs: expiresAtMs, id });

export const matches = (entry: Pick<CacheEntry, 'requestedModel' | 'scope'>, filter: EntryFilter): boolean =>
  (filter.requestedModel === undefined || filter.requestedModel === entry.requestedModel) &&
  (filter.scope === undefined || filter.scope === entry.scope);
