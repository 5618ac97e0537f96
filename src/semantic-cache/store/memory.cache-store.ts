import { InvalidRequestError } from '../../core/errors';
import type { Page, PageRequest } from '../../core/page';
import { encodeEntry, type CacheEntry, type CacheEntryView } from '../answers/cache-entry';
import {
  BARRED_MS,
  CacheStore,
  cursorOf,
  isAfter,
  matches,
  MAX_ALIKE,
  MAX_ENTRY_BYTES,
  parseCursor,
  viewOf,
  type EntryFilter,
  type Found,
  type StoreSize,
} from './cache.store';

const MAX_ENTRIES = 20_000;
const MAX_BYTES = 134_217_728;
const MAX_BARRED = 10_000;

export interface MemoryStoreLimits {
  readonly entries: number;
  readonly bytes: number;
}

interface Kept {
  readonly entry: CacheEntry;
  readonly words: string | null;
  readonly bytes: number;
}

/** Answers in this process; the entry that was used least recently goes first. */
export class MemoryCacheStore extends CacheStore {
  /** In order of use: the first is the one to go. */
  private readonly kept = new Map<string, Kept>();
  private readonly byWords = new Map<string, string[]>();
  private readonly barred = new Map<string, number>();
  private bytes = 0;

  constructor(
    private readonly nowMs: () => number,
    private readonly limits: MemoryStoreLimits = { entries: MAX_ENTRIES, bytes: MAX_BYTES },
  ) {
    super();
  }

  override find(id: string, words: string | null): Promise<Found> {
    const entry = this.live(id);
    const isBarred = this.isBarred(id);
    const ids = words === null || isBarred ? [] : (this.byWords.get(words) ?? []);
    const alike = ids
      .filter((other) => other !== id && !this.isBarred(other))
      .map((other) => this.live(other))
      .filter((other) => other !== null);
    return Promise.resolve({ entry, alike });
  }

  override take(id: string, askedId: string): Promise<CacheEntry | null> {
    return Promise.resolve(this.isBarred(id) || this.isBarred(askedId) ? null : this.live(id));
  }

  override put(entry: CacheEntry, words: string | null): Promise<boolean> {
    const bytes = Buffer.byteLength(encodeEntry(entry));
    this.drop(entry.id);
    if (bytes > MAX_ENTRY_BYTES || bytes > this.limits.bytes) return Promise.resolve(false);
    this.kept.set(entry.id, { entry, words, bytes });
    this.bytes += bytes;
    if (words !== null) this.index(words, entry.id);
    while (this.kept.size > this.limits.entries || this.bytes > this.limits.bytes)
      this.drop(this.kept.keys().next().value);
    return Promise.resolve(true);
  }

  override remove(id: string): Promise<boolean> {
    const isThere = this.live(id) !== null;
    this.drop(id);
    return Promise.resolve(isThere);
  }

  override removeWhere(filter: EntryFilter): Promise<number> {
    const ids = this.liveEntries()
      .filter(({ entry }) => matches(entry, filter))
      .map(({ entry }) => entry.id);
    for (const id of ids) this.drop(id);
    return Promise.resolve(ids.length);
  }

  override flush(): Promise<void> {
    this.kept.clear();
    this.byWords.clear();
    this.bytes = 0;
    return Promise.resolve();
  }

  override bar(id: string): Promise<void> {
    this.barred.delete(id);
    this.barred.set(id, this.nowMs() + BARRED_MS);
    const oldest = this.barred.keys().next().value;
    if (this.barred.size > MAX_BARRED && oldest !== undefined) this.barred.delete(oldest);
    return Promise.resolve();
  }

  override list({ limit, cursor }: PageRequest): Promise<Page<CacheEntryView>> {
    const after = cursor === null ? null : parseCursor(cursor);
    if (cursor !== null && after === null) return Promise.reject(notACursor());
    const all = this.liveEntries()
      .filter(({ entry }) => after === null || isAfter(entry, after))
      .sort(({ entry: left }, { entry: right }) => (isAfter(left, right) ? 1 : -1));
    const items = all.slice(0, limit).map(({ entry, bytes }) => viewOf(entry, bytes));
    const last = items.at(-1);
    return Promise.resolve({ items, nextCursor: all.length > limit && last ? cursorOf(last) : null });
  }

  override size(): Promise<StoreSize> {
    const live = this.liveEntries();
    return Promise.resolve({ entries: live.length, bytes: live.reduce((sum, { bytes }) => sum + bytes, 0) });
  }

  private liveEntries(): Kept[] {
    const now = this.nowMs();
    return [...this.kept.values()].filter(({ entry }) => entry.expiresAtMs > now);
  }

  /** The entry, marked as used; null and gone when its time is over. */
  private live(id: string): CacheEntry | null {
    const found = this.kept.get(id);
    if (!found) return null;
    if (found.entry.expiresAtMs <= this.nowMs()) {
      this.drop(id);
      return null;
    }
    this.kept.delete(id);
    this.kept.set(id, found);
    return found.entry;
  }

  private index(words: string, id: string): void {
    const ids = this.byWords.get(words) ?? [];
    const next = [id, ...ids.filter((other) => other !== id)].slice(0, MAX_ALIKE);
    this.byWords.set(words, next);
  }

  private drop(id: string | undefined): void {
    const found = id === undefined ? undefined : this.kept.get(id);
    if (!found) return;
    const { entry, words, bytes } = found;
    this.kept.delete(entry.id);
    this.bytes -= bytes;
    if (words === null) return;
    const rest = (this.byWords.get(words) ?? []).filter((other) => other !== entry.id);
    if (rest.length > 0) this.byWords.set(words, rest);
    else this.byWords.delete(words);
  }

  private isBarred(id: string): boolean {
    return (this.barred.get(id) ?? 0) > this.nowMs();
  }
}

export const notACursor = (): InvalidRequestError =>
  new InvalidRequestError('cursor is not one that this list gave out: pass next_cursor as it came.', 'cursor');
