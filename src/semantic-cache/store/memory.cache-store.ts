import type { Page, PageRequest } from '../../core/page';
import { encodeEntry, type CacheEntry, type CacheEntryView } from '../answers/cache-entry';
import {
  BARRED_MS,
  CacheStore,
  matches,
  MAX_ALIKE,
  MAX_ENTRY_BYTES,
  pageOf,
  placeOfLink,
  viewOf,
  type EntryFilter,
  type FindOptions,
  type Found,
  type QuestionLink,
  type StoreSize,
} from './cache.store';

const MAX_ENTRIES = 20_000;
const MAX_BYTES = 134_217_728;
const MAX_BARRED = 10_000;
const MAX_LINKS = 10_000;

export interface MemoryStoreLimits {
  readonly entries: number;
  readonly bytes: number;
  readonly links?: number;
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
  private readonly linked = new Map<string, QuestionLink>();
  private bytes = 0;

  constructor(
    private readonly nowMs: () => number,
    private readonly limits: MemoryStoreLimits = { entries: MAX_ENTRIES, bytes: MAX_BYTES },
  ) {
    super();
  }

  override find(id: string, words: string | null, { nearId }: FindOptions = {}): Promise<Found> {
    const entry = this.live(id);
    const isSought = words !== null && !this.isFresh(entry) && !this.isBarred(id);
    const alike = (isSought ? (this.byWords.get(words) ?? []) : [])
      .filter((other) => other !== id && !this.isBarred(other))
      .map((other) => this.live(other))
      .filter((other) => this.isFresh(other));
    const near = nearId === undefined || this.isFresh(entry) ? null : this.takeFor(id, nearId);
    return Promise.resolve({ entry, alike, near, linked: isSought ? this.linkedTo(id) : null, lease: null });
  }

  /** What happens in one process, it knows without. */
  override lease(): Promise<null> {
    return Promise.resolve(null);
  }

  override take(id: string, askedId: string): Promise<CacheEntry | null> {
    return Promise.resolve(this.takeFor(askedId, id));
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
    this.linked.clear();
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

  override link(link: QuestionLink): Promise<void> {
    this.linked.delete(link.id);
    this.linked.set(link.id, link);
    // All links last equally long, so that the oldest is the closest to its end.
    const oldest = this.linked.keys().next().value;
    if (this.linked.size > (this.limits.links ?? MAX_LINKS) && oldest !== undefined) this.linked.delete(oldest);
    return Promise.resolve();
  }

  override unlink(id: string): Promise<boolean> {
    return Promise.resolve(this.linked.delete(id));
  }

  // oxlint-disable-next-line typescript/require-await -- a cursor that is none rejects
  override async links(page: PageRequest): Promise<Page<QuestionLink>> {
    const live = [...this.linked.values()].filter(({ expiresAtMs }) => expiresAtMs > this.nowMs());
    return pageOf(live, page, placeOfLink);
  }

  // oxlint-disable-next-line typescript/require-await -- as above
  override async list(page: PageRequest): Promise<Page<CacheEntryView>> {
    const views = this.liveEntries().map(({ entry, bytes }) => viewOf(entry, bytes));
    return pageOf(views, page, (view) => view);
  }

  override size(): Promise<StoreSize> {
    const live = this.liveEntries();
    return Promise.resolve({ entries: live.length, bytes: live.reduce((sum, { bytes }) => sum + bytes, 0) });
  }

  private liveEntries(): Kept[] {
    const now = this.nowMs();
    return [...this.kept.values()].filter(({ entry }) => entry.keptUntilMs > now);
  }

  /** The entry, marked as used; null and gone when its time is over. */
  private live(id: string): CacheEntry | null {
    const found = this.kept.get(id);
    if (!found) return null;
    if (found.entry.keptUntilMs <= this.nowMs()) {
      this.drop(id);
      return null;
    }
    this.kept.delete(id);
    this.kept.set(id, found);
    return found.entry;
  }

  /** The entry, for the asker of another question. */
  private takeFor(askedId: string, id: string): CacheEntry | null {
    const entry = this.isBarred(id) || this.isBarred(askedId) ? null : this.live(id);
    return this.isFresh(entry) ? entry : null;
  }

  private isFresh(entry: CacheEntry | null): entry is CacheEntry {
    return entry !== null && entry.expiresAtMs > this.nowMs();
  }

  private linkedTo(id: string): Found['linked'] {
    const link = this.linked.get(id);
    if (!link || link.expiresAtMs <= this.nowMs() || this.isBarred(link.entryId)) return null;
    const entry = this.live(link.entryId);
    return this.isFresh(entry) ? { entry, similarity: link.similarity } : null;
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
