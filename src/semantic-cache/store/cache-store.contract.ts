import type { CacheEntry } from '../answers/cache-entry';
import { entryWith, hex } from '../testing/entries';
import { MAX_ALIKE, MAX_ENTRY_BYTES, type CacheStore, type QuestionLink } from './cache.store';

/** A store on a clock that the suite turns, with room for `ROOM`. */
export interface StoreUnderTest {
  readonly store: CacheStore;
  readonly nowMs: () => number;
  advance(milliseconds: number): void;
}

export const ROOM = { entries: 12, bytes: 40_000, links: 6 };

const WORDS = hex(7_777);

/** What every store promises, whatever it is made of. */
export function cacheStoreContract(open: () => Promise<StoreUnderTest>): void {
  let test: StoreUnderTest;
  let store: CacheStore;
  beforeEach(async () => {
    test = await open();
    ({ store } = test);
  });
  const entry = (number: number, change: Partial<CacheEntry> = {}): CacheEntry =>
    entryWith({ id: hex(number), createdAtMs: test.nowMs(), expiresAtMs: test.nowMs() + 60_000 + number, ...change });
  const link = (from: number, to: number): QuestionLink => ({
    id: hex(from),
    entryId: hex(to),
    scope: 'team:one',
    requestedModel: 'm',
    similarity: 0.87,
    judge: 'p/judge',
    requestId: `req_${from}`,
    judgeRequestId: `req_judge_${from}`,
    createdAtMs: test.nowMs(),
    expiresAtMs: test.nowMs() + 120_000 + from,
  });
  const find = async (number: number): Promise<CacheEntry | null> => (await store.find(hex(number), null)).entry;

  it('gives back exactly what was put, and nothing for another id', async () => {
    const kept = entry(1);
    expect(await store.put(kept, null)).toBe(true);
    expect(await find(1)).toEqual(kept);
    expect(await find(2)).toBeNull();
  });

  it('keeps the newest of two answers to one question, and counts it once', async () => {
    await store.put(entry(1), null);
    const newer = entry(1, { exact: hex(99) });
    await store.put(newer, null);
    expect(await find(1)).toEqual(newer);
    const { entries, bytes } = await store.size();
    expect(entries).toBe(1);
    await store.remove(hex(1));
    expect(await store.size()).toEqual({ entries: 0, bytes: 0 });
    expect(bytes).toBeGreaterThan(100);
  });

  it('forgets an entry at the end of its time', async () => {
    await store.put(entry(1, { expiresAtMs: test.nowMs() + 1_000 }), WORDS);
    test.advance(999);
    expect(await find(1)).not.toBeNull();
    test.advance(1);
    expect(await find(1)).toBeNull();
    expect((await store.find(hex(2), WORDS)).alike).toEqual([]);
    expect((await store.size()).entries).toBe(0);
  });

  it('keeps an entry beyond its time for whoever asks the same, and for nobody else', async () => {
    const expiresAtMs = test.nowMs() + 1_000;
    await store.put(entry(1, { expiresAtMs, keptUntilMs: expiresAtMs + 1_000 }), WORDS);
    await store.put(entry(2), WORDS);
    await store.link(link(3, 1));
    test.advance(1_000);
    const found = await store.find(hex(1), WORDS);
    expect(found.entry).toMatchObject({ id: hex(1), expiresAtMs });
    expect(found.alike.map(({ id }) => id)).toEqual([hex(2)]);
    expect(await store.find(hex(3), WORDS)).toMatchObject({ entry: null, linked: null, alike: [{ id: hex(2) }] });
    expect(await store.take(hex(1), hex(3))).toBeNull();
    expect((await store.size()).entries).toBe(2);
    test.advance(1_000);
    expect((await store.find(hex(1), WORDS)).entry).toBeNull();
  });

  it('gives a linked question the entry of the other, unless either is barred', async () => {
    await store.put(entry(1), null);
    await store.link(link(2, 1));
    expect((await store.find(hex(2), WORDS)).linked).toEqual({ entry: entry(1), similarity: 0.87 });
    expect((await store.find(hex(2), null)).linked).toBeNull();
    expect((await store.find(hex(1), WORDS)).linked).toBeNull();
    await store.put(entry(2), null);
    expect(await store.find(hex(2), WORDS)).toMatchObject({ entry: { id: hex(2) }, linked: null });
    await store.remove(hex(2));
    await store.bar(hex(1));
    expect((await store.find(hex(2), WORDS)).linked).toBeNull();
    await store.link(link(4, 3));
    await store.put(entry(3), null);
    expect((await store.find(hex(4), WORDS)).linked).not.toBeNull();
    await store.bar(hex(4));
    expect((await store.find(hex(4), WORDS)).linked).toBeNull();
  });

  it('lists links, takes them back, and forgets them with everything else and at their end', async () => {
    for (const from of [1, 2, 3, 4, 5]) await store.link(link(from, 100 + from));
    const first = await store.links({ limit: 3, cursor: null });
    expect(first.items).toEqual([5, 4, 3].map((from) => link(from, 100 + from)));
    const second = await store.links({ limit: 3, cursor: first.nextCursor });
    expect(second).toEqual({ items: [2, 1].map((from) => link(from, 100 + from)), nextCursor: null });
    await expect(store.links({ limit: 3, cursor: 'x' })).rejects.toMatchObject({ status: 400, param: 'cursor' });
    expect([await store.unlink(hex(2)), await store.unlink(hex(2))]).toEqual([true, false]);
    test.advance(120_003);
    expect((await store.links({ limit: 9, cursor: null })).items.map(({ id }) => id)).toEqual([hex(5), hex(4)]);
    await store.put(entry(105), null);
    await store.flush();
    await store.put(entry(105), null);
    expect((await store.links({ limit: 9, cursor: null })).items).toEqual([]);
    expect((await store.find(hex(5), WORDS)).linked).toBeNull();
  });

  it('never holds more links than it has room for: the oldest go', async () => {
    for (let from = 1; from <= ROOM.links + 3; from += 1) await store.link(link(from, 100 + from));
    const { items } = await store.links({ limit: 99, cursor: null });
    expect(items.map(({ id }) => id)).toEqual(
      Array.from({ length: ROOM.links }, (_, index) => hex(ROOM.links + 3 - index)),
    );
    await store.put(entry(101), null);
    expect((await store.find(hex(1), WORDS)).linked).toBeNull();
  });

  it('never holds more entries than it has room for', async () => {
    for (let number = 1; number <= ROOM.entries + 5; number += 1) await store.put(entry(number), null);
    expect((await store.size()).entries).toBe(ROOM.entries);
    expect(await find(ROOM.entries + 5)).not.toBeNull();
    expect(await find(1)).toBeNull();
  });

  it('never holds more bytes than it has room for', async () => {
    const text = 'x'.repeat(9_000);
    for (let number = 1; number <= 8; number += 1) await store.put(entry(number, { text }), null);
    const { entries, bytes } = await store.size();
    expect(bytes).toBeLessThanOrEqual(ROOM.bytes);
    expect(entries).toBe(4);
  });

  it('refuses an entry that is too large, and no longer has the older one', async () => {
    await store.put(entry(1), null);
    expect(await store.put(entry(1, { text: 'x'.repeat(MAX_ENTRY_BYTES) }), null)).toBe(false);
    expect(await find(1)).toBeNull();
  });

  it('finds entries of the same words, the newest first, up to a bound', async () => {
    for (let number = 1; number <= MAX_ALIKE + 2; number += 1) await store.put(entry(number), WORDS);
    const { entry: own, alike } = await store.find(hex(500), WORDS);
    expect(own).toBeNull();
    expect(alike.map(({ id }) => id)).toEqual(
      Array.from({ length: MAX_ALIKE }, (_, index) => hex(MAX_ALIKE + 2 - index)),
    );
    expect((await store.find(hex(500), hex(8_888))).alike).toEqual([]);
    await store.remove(hex(MAX_ALIKE + 2));
    expect((await store.find(hex(500), WORDS)).alike[0]?.id).toBe(hex(MAX_ALIKE + 1));
  });

  it('a barred question gets no answer of another, and gives none', async () => {
    await store.put(entry(1), WORDS);
    await store.put(entry(2), WORDS);
    await store.bar(hex(1));
    expect((await store.find(hex(3), WORDS)).alike.map(({ id }) => id)).toEqual([hex(2)]);
    await store.remove(hex(1));
    expect((await store.find(hex(1), WORDS)).alike).toEqual([]);
    await store.put(entry(1), WORDS);
    expect((await store.find(hex(3), WORDS)).alike.map(({ id }) => id)).toEqual([hex(2)]);
    expect(await find(1)).not.toBeNull();
  });

  it('gives with a look-up the fresh entry of a near question, where there is none of its own, unless either is barred', async () => {
    await store.put(entry(1), null);
    const near = async (asked: number, nearId = hex(1)): Promise<CacheEntry | null> =>
      (await store.find(hex(asked), WORDS, { nearId })).near;
    expect([await near(2), await near(2, hex(9)), await near(1)]).toEqual([entry(1), null, null]);
    expect((await store.find(hex(2), null, { nearId: hex(1) })).near).toEqual(entry(1));
    expect((await store.find(hex(2), WORDS)).near).toBeNull();
    await store.bar(hex(4));
    expect([await near(4), await near(3)]).toEqual([null, entry(1)]);
    await store.bar(hex(1));
    expect(await near(3)).toBeNull();
    const expiresAtMs = test.nowMs() + 1_000;
    await store.put(entry(5, { expiresAtMs, keptUntilMs: expiresAtMs + 1_000 }), null);
    test.advance(1_000);
    expect(await near(3, hex(5))).toBeNull();
    await store.put(entry(6), null);
    await store.flush();
    expect(await near(3, hex(6))).toBeNull();
  });

  it('gives an entry to another question unless either is barred', async () => {
    await store.put(entry(1), null);
    expect(await store.take(hex(1), hex(2))).toEqual(entry(1));
    expect(await store.take(hex(3), hex(2))).toBeNull();
    await store.bar(hex(4));
    expect(await store.take(hex(1), hex(4))).toBeNull();
    expect(await store.take(hex(1), hex(2))).not.toBeNull();
    await store.bar(hex(1));
    expect(await store.take(hex(1), hex(2))).toBeNull();
    await store.put(entry(5), null);
    await store.flush();
    expect(await store.take(hex(5), hex(2))).toBeNull();
  });

  it('removes by id, by model, by scope and by both', async () => {
    await store.put(entry(1, { requestedModel: 'a', scope: 'team:one' }), null);
    await store.put(entry(2, { requestedModel: 'b', scope: 'team:one' }), null);
    await store.put(entry(3, { requestedModel: 'a', scope: 'team:two' }), null);
    await store.put(entry(4, { requestedModel: 'b', scope: 'team:two' }), null);
    expect(await store.remove(hex(9))).toBe(false);
    expect(await store.removeWhere({ requestedModel: 'a', scope: 'team:two' })).toBe(1);
    expect(await store.removeWhere({ requestedModel: 'a' })).toBe(1);
    expect(await store.removeWhere({ scope: 'team:one' })).toBe(1);
    expect(await store.remove(hex(4))).toBe(true);
    expect((await store.size()).entries).toBe(0);
  });

  it('forgets everything at once, and keeps what comes after', async () => {
    for (let number = 1; number <= 5; number += 1) await store.put(entry(number), WORDS);
    await store.flush();
    for (let number = 1; number <= 5; number += 1) expect(await find(number)).toBeNull();
    expect((await store.find(hex(9), WORDS)).alike).toEqual([]);
    expect(await store.size()).toEqual({ entries: 0, bytes: 0 });
    await store.put(entry(3), WORDS);
    expect(await find(3)).not.toBeNull();
    expect((await store.find(hex(9), WORDS)).alike).toHaveLength(1);
  });

  it('lists what lives longest first, a page at a time, each entry once', async () => {
    for (let number = 1; number <= 7; number += 1) await store.put(entry(number), null);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<CacheStore['list']>> = await store.list({ limit: 3, cursor });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1].map(hex));
    const [first] = (await store.list({ limit: 1, cursor: null })).items;
    expect(first).toMatchObject({ scope: 'team:one', requestedModel: 'm', provider: 'p', costNanoUsd: 12n });
    expect(JSON.stringify(first, (_, value: unknown) => (typeof value === 'bigint' ? '' : value))).not.toContain(
      'question',
    );
  });

  it('refuses a cursor it did not give out', async () => {
    await expect(store.list({ limit: 3, cursor: "'; drop" })).rejects.toMatchObject({ status: 400, param: 'cursor' });
  });
}
