import { createHash, randomUUID } from 'node:crypto';
import type { RedisClient } from '../../platform/redis/redis-client';
import type { Page, PageRequest } from '../../core/page';
import { decodeEntry, encodeEntry, type CacheEntry, type CacheEntryView } from '../answers/cache-entry';
import {
  BARRED_MS,
  CacheStore,
  cursorOf,
  isAfter,
  matches,
  MAX_ALIKE,
  MAX_ENTRY_BYTES,
  notACursor,
  parseCursor,
  placeOfLink,
  viewOf,
  type Cursor,
  type EntryFilter,
  type FindOptions,
  type Found,
  type QuestionLink,
  type StoreSize,
} from './cache.store';
import type { Lease } from './flight-lease';
import { RedisFlightLease } from './redis.flight-lease';
import { DROP_SCRIPT, FIND_SCRIPT, LINK_SCRIPT, PUT_SCRIPT, TAKE_SCRIPT, UNLINK_SCRIPT } from './redis.cache-scripts';

const MAX_ENTRIES = 200_000;
const MAX_BYTES = 536_870_912;
const MAX_LINKS = 50_000;
/** Entries read at a time where all are gone through. */
const SCAN = 200;

export interface RedisStoreOptions {
  readonly client: RedisClient;
  readonly nowMs: () => number;
  /** Keeps several gateways on one Redis apart. */
  readonly name?: string;
  readonly entries?: number;
  readonly bytes?: number;
  readonly links?: number;
}

/** What is listed: the sorted set of its ids, and the letter of its keys. */
interface Listed {
  readonly index: string;
  readonly kind: string;
}

const ENTRIES: Listed = { index: 'index', kind: 'e' };
const LINKS: Listed = { index: 'links', kind: 'a' };

interface Script {
  readonly text: string;
  readonly sha: string;
}

const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') });
const PUT = script(PUT_SCRIPT);
const DROP = script(DROP_SCRIPT);
const FIND = script(FIND_SCRIPT);
const TAKE = script(TAKE_SCRIPT);
const LINK = script(LINK_SCRIPT);
const UNLINK = script(UNLINK_SCRIPT);

/** Answers in Redis 7, shared by all replicas; no module of Redis is needed. */
export class RedisCacheStore extends CacheStore {
  private readonly client: RedisClient;
  private readonly nowMs: () => number;
  private readonly prefix: string;
  private readonly keys: readonly string[];
  private readonly limits: { readonly entries: number; readonly bytes: number; readonly links: number };

  constructor(options: RedisStoreOptions) {
    super();
    const { client, nowMs, name = 'gateway' } = options;
    const { entries = MAX_ENTRIES, bytes = MAX_BYTES, links = MAX_LINKS } = options;
    this.client = client;
    this.nowMs = nowMs;
    this.prefix = `{${name}:cache}:`;
    this.keys = ['index', 'sizes', 'total', 'epoch', 'links'].map((key) => this.prefix + key);
    this.limits = { entries, bytes, links };
  }

  override async find(id: string, words: string | null, { leaseMs, nearId }: FindOptions = {}): Promise<Found> {
    const token = leaseMs === undefined ? '' : randomUUID();
    const finding = this.run(FIND, id, words ?? '', this.nowMs(), token, leaseMs ?? 0, nearId ?? '');
    const found = await (leaseMs === undefined ? finding : this.orRelease(id, token, finding));
    const [own, similarity, linkedText, lease, near, ...others] = found as (string | null)[];
    const linked = this.fresh(linkedText);
    return {
      entry: this.live(own),
      linked: linked && { entry: linked, similarity: Number(similarity) },
      alike: others.map((text) => this.fresh(text)).filter((other) => other !== null),
      near: this.fresh(near),
      lease: lease === 'taken' ? this.leaseOf(id, token) : (lease as 'held' | null),
    };
  }

  override async lease(id: string, milliseconds: number): Promise<Lease | 'held'> {
    const token = randomUUID();
    const taken = await this.orRelease(id, token, this.client.set(this.leaseKey(id), token, 'PX', milliseconds, 'NX'));
    return taken === 'OK' ? this.leaseOf(id, token) : 'held';
  }

  override async take(id: string, askedId: string): Promise<CacheEntry | null> {
    return this.fresh((await this.run(TAKE, id, askedId)) as string | null);
  }

  override async put(entry: CacheEntry, words: string | null): Promise<boolean> {
    const text = encodeEntry(entry);
    if (Buffer.byteLength(text) > MAX_ENTRY_BYTES) {
      await this.remove(entry.id);
      return false;
    }
    const { id, keptUntilMs, expiresAtMs } = entry;
    const limits = [this.limits.entries, this.limits.bytes, MAX_ALIKE];
    return (await this.run(PUT, id, text, words ?? '', this.nowMs(), keptUntilMs, ...limits, expiresAtMs)) === 1;
  }

  override async remove(id: string): Promise<boolean> {
    const { entry } = await this.find(id, null);
    await this.run(DROP, id);
    return entry !== null;
  }

  override async removeWhere(filter: EntryFilter): Promise<number> {
    let removed = 0;
    for await (const page of this.pages(ENTRIES, null)) {
      const entries = page.map((text) => this.live(text)).filter((entry) => entry !== null);
      const ids = entries.filter((entry) => matches(entry, filter)).map(({ id }) => id);
      if (ids.length > 0) removed += Number(await this.run(DROP, ...ids));
    }
    return removed;
  }

  /** The ids of the old epoch are forgotten; their texts leave by their own expiry. */
  override async flush(): Promise<void> {
    const [index, sizes, total, epoch, links] = this.keys as [string, string, string, string, string];
    await this.client.multi().incr(epoch).unlink(index, sizes, total, links).exec();
  }

  override async bar(id: string): Promise<void> {
    await this.client.set(`${this.prefix}b:${id}`, '1', 'PX', BARRED_MS);
  }

  override async link(link: QuestionLink): Promise<void> {
    const { id, entryId, similarity, expiresAtMs } = link;
    await this.run(LINK, id, JSON.stringify(link), entryId, similarity, this.nowMs(), expiresAtMs, this.limits.links);
  }

  override async unlink(id: string): Promise<boolean> {
    return (await this.run(UNLINK, id)) === 1;
  }

  override async links({ limit, cursor }: PageRequest): Promise<Page<QuestionLink>> {
    const places = this.pages(LINKS, cursor);
    return pageFrom(places, limit, (text) => (text === null ? null : (JSON.parse(text) as QuestionLink)), placeOfLink);
  }

  override async list({ limit, cursor }: PageRequest): Promise<Page<CacheEntryView>> {
    const view = (text: string | null): CacheEntryView | null => {
      const entry = this.live(text);
      return entry && text !== null ? viewOf(entry, Buffer.byteLength(text)) : null;
    };
    return pageFrom(this.pages(ENTRIES, cursor), limit, view, (entry) => entry);
  }

  override async size(): Promise<StoreSize> {
    const [index, , total] = this.keys as [string, string, string];
    const [entries, bytes] = await Promise.all([
      this.client.zcount(index, `(${this.nowMs()}`, '+inf'),
      this.client.get(total),
    ]);
    return { entries, bytes: Number(bytes ?? 0) };
  }

  /** The texts of all that is listed after the cursor, what is kept longest first. */
  private async *pages({ index, kind }: Listed, cursor: string | null): AsyncGenerator<(string | null)[], void> {
    let after = cursor === null ? null : parseCursor(cursor);
    if (cursor !== null && after === null) throw notACursor();
    for (;;) {
      const max = after === null ? '+inf' : after.keptUntilMs;
      const key = this.prefix + index;
      const rows = await this.client.zrevrangebyscore(key, max, `(${this.nowMs()}`, 'WITHSCORES', 'LIMIT', 0, SCAN + 1);
      const from = after;
      const places = inPairs(rows).filter((place) => from === null || isAfter(place, from));
      const last = places.at(-1);
      if (!last) return;
      yield await this.texts(places.map(({ id }) => `${this.prefix}${kind}:${id}`));
      after = last;
    }
  }

  private async texts(keys: readonly string[]): Promise<(string | null)[]> {
    const pipeline = this.client.pipeline();
    for (const key of keys) pipeline.hget(key, 'd');
    const results = (await pipeline.exec()) ?? [];
    return results.map(([error, text]) => (error ? null : (text as string | null)));
  }

  /** An answer that comes too late may have taken the lease, for nobody: what is sent after it gives it back. */
  private async orRelease<T>(id: string, token: string, taking: Promise<T>): Promise<T> {
    try {
      return await taking;
    } catch (error) {
      void this.leaseOf(id, token)
        .release()
        .catch(() => {});
      throw error;
    }
  }

  private leaseOf(id: string, token: string): Lease {
    return new RedisFlightLease(this.client, this.leaseKey(id), token);
  }

  private leaseKey(id: string): string {
    return `${this.prefix}f:${id}`;
  }

  private fresh(text: string | null | undefined): CacheEntry | null {
    const entry = this.live(text);
    return entry !== null && entry.expiresAtMs > this.nowMs() ? entry : null;
  }

  private live(text: string | null | undefined): CacheEntry | null {
    const entry = typeof text === 'string' ? decodeEntry(text) : null;
    return entry !== null && entry.keptUntilMs > this.nowMs() ? entry : null;
  }

  private async run({ text, sha }: Script, ...values: (string | number)[]): Promise<unknown> {
    const parts = [...this.keys, this.prefix, ...values];
    try {
      return await this.client.evalsha(sha, this.keys.length, ...parts);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.client.eval(text, this.keys.length, ...parts);
    }
  }
}

function inPairs(rows: readonly string[]): Cursor[] {
  const places: Cursor[] = [];
  for (let index = 0; index + 1 < rows.length; index += 2) {
    places.push({ id: rows[index]!, keptUntilMs: Number(rows[index + 1]) });
  }
  return places;
}

async function pageFrom<T>(
  pages: AsyncIterable<readonly (string | null)[]>,
  limit: number,
  read: (text: string | null) => T | null,
  placeOf: (item: T) => Cursor,
): Promise<Page<T>> {
  const items: T[] = [];
  for await (const texts of pages) {
    items.push(...texts.map(read).filter((item) => item !== null));
    if (items.length > limit) break;
  }
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown, nextCursor: items.length > limit && last !== undefined ? cursorOf(placeOf(last)) : null };
}
