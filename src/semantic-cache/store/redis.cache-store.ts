import { createHash } from 'node:crypto';
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
  parseCursor,
  viewOf,
  type Cursor,
  type EntryFilter,
  type Found,
  type StoreSize,
} from './cache.store';
import { notACursor } from './memory.cache-store';
import { DROP_SCRIPT, FIND_SCRIPT, PUT_SCRIPT, TAKE_SCRIPT } from './redis.cache-scripts';

const MAX_ENTRIES = 200_000;
const MAX_BYTES = 536_870_912;
/** Entries read at a time where all are gone through. */
const SCAN = 200;

export interface RedisStoreOptions {
  readonly client: RedisClient;
  readonly nowMs: () => number;
  /** Keeps several gateways on one Redis apart. */
  readonly name?: string;
  readonly entries?: number;
  readonly bytes?: number;
}

interface Script {
  readonly text: string;
  readonly sha: string;
}

const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') });
const [PUT, DROP, FIND, TAKE] = [PUT_SCRIPT, DROP_SCRIPT, FIND_SCRIPT, TAKE_SCRIPT].map(script) as [
  Script,
  Script,
  Script,
  Script,
];

/** Answers in Redis 7, shared by all replicas; no module of Redis is needed. */
export class RedisCacheStore extends CacheStore {
  private readonly client: RedisClient;
  private readonly nowMs: () => number;
  private readonly prefix: string;
  private readonly keys: readonly string[];
  private readonly limits: { readonly entries: number; readonly bytes: number };

  constructor({ client, nowMs, name = 'gateway', entries = MAX_ENTRIES, bytes = MAX_BYTES }: RedisStoreOptions) {
    super();
    this.client = client;
    this.nowMs = nowMs;
    this.prefix = `{${name}:cache}:`;
    this.keys = ['index', 'sizes', 'total', 'epoch'].map((key) => this.prefix + key);
    this.limits = { entries, bytes };
  }

  override async find(id: string, words: string | null): Promise<Found> {
    const [own, ...others] = (await this.run(FIND, id, words ?? '')) as (string | null)[];
    const entry = this.live(own);
    return { entry, alike: others.map((text) => this.live(text)).filter((other) => other !== null) };
  }

  override async take(id: string, askedId: string): Promise<CacheEntry | null> {
    return this.live((await this.run(TAKE, id, askedId)) as string | null);
  }

  override async put(entry: CacheEntry, words: string | null): Promise<boolean> {
    const text = encodeEntry(entry);
    if (Buffer.byteLength(text) > MAX_ENTRY_BYTES) {
      await this.remove(entry.id);
      return false;
    }
    const { entries, bytes } = this.limits;
    const now = this.nowMs();
    const isKept = await this.run(PUT, entry.id, text, words ?? '', now, entry.expiresAtMs, entries, bytes, MAX_ALIKE);
    return isKept === 1;
  }

  override async remove(id: string): Promise<boolean> {
    const { entry } = await this.find(id, null);
    await this.run(DROP, id);
    return entry !== null;
  }

  override async removeWhere(filter: EntryFilter): Promise<number> {
    let removed = 0;
    for await (const page of this.pages(null)) {
      const ids = page.filter(({ entry }) => matches(entry, filter)).map(({ entry }) => entry.id);
      if (ids.length > 0) removed += Number(await this.run(DROP, ...ids));
    }
    return removed;
  }

  /** The ids of the old epoch are forgotten; their texts leave by their own expiry. */
  override async flush(): Promise<void> {
    const [index, sizes, total, epoch] = this.keys as [string, string, string, string];
    await this.client.multi().incr(epoch).unlink(index, sizes, total).exec();
  }

  override async bar(id: string): Promise<void> {
    await this.client.set(`${this.prefix}b:${id}`, '1', 'PX', BARRED_MS);
  }

  override async list({ limit, cursor }: PageRequest): Promise<Page<CacheEntryView>> {
    const after = cursor === null ? null : parseCursor(cursor);
    if (cursor !== null && after === null) throw notACursor();
    const items: CacheEntryView[] = [];
    for await (const page of this.pages(after)) {
      items.push(...page.map(({ entry, bytes }) => viewOf(entry, bytes)));
      if (items.length > limit) break;
    }
    const shown = items.slice(0, limit);
    const last = shown.at(-1);
    return { items: shown, nextCursor: items.length > limit && last ? cursorOf(last) : null };
  }

  override async size(): Promise<StoreSize> {
    const [index, , total] = this.keys as [string, string, string];
    const [entries, bytes] = await Promise.all([
      this.client.zcount(index, `(${this.nowMs()}`, '+inf'),
      this.client.get(total),
    ]);
    return { entries, bytes: Number(bytes ?? 0) };
  }

  /** All live entries after the cursor, the one that lives longest first. */
  private async *pages(from: Cursor | null): AsyncGenerator<{ entry: CacheEntry; bytes: number }[], void> {
    const [index] = this.keys as [string];
    let after = from;
    for (;;) {
      const max = after === null ? '+inf' : after.expiresAtMs;
      const rows = await this.client.zrevrangebyscore(
        index,
        max,
        `(${this.nowMs()}`,
        'WITHSCORES',
        'LIMIT',
        0,
        SCAN + 1,
      );
      const places = inPairs(rows).filter((place) => after === null || isAfter(place, after));
      const last = places.at(-1);
      if (!last) return;
      const texts = await this.texts(places.map(({ id }) => id));
      yield texts.flatMap((text) => {
        const entry = this.live(text);
        return entry && text !== null ? [{ entry, bytes: Buffer.byteLength(text) }] : [];
      });
      after = last;
    }
  }

  private async texts(ids: readonly string[]): Promise<(string | null)[]> {
    const pipeline = this.client.pipeline();
    for (const id of ids) pipeline.hget(`${this.prefix}e:${id}`, 'd');
    const results = (await pipeline.exec()) ?? [];
    return results.map(([error, text]) => (error ? null : (text as string | null)));
  }

  private live(text: string | null | undefined): CacheEntry | null {
    const entry = typeof text === 'string' ? decodeEntry(text) : null;
    return entry !== null && entry.expiresAtMs > this.nowMs() ? entry : null;
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
    places.push({ id: rows[index]!, expiresAtMs: Number(rows[index + 1]) });
  }
  return places;
}
