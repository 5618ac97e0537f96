import { Redis } from 'ioredis';
import { cacheStoreContract, ROOM } from '../../src/semantic-cache/store/cache-store.contract';
import type { CacheEntry } from '../../src/semantic-cache/answers/cache-entry';
import type { QuestionLink } from '../../src/semantic-cache/store/cache.store';
import type { Lease } from '../../src/semantic-cache/store/flight-lease';
import { RedisCacheStore } from '../../src/semantic-cache/store/redis.cache-store';
import { entryWith, hex } from '../../src/semantic-cache/testing/entries';
import { DoomedRedis } from '../support/doomed-redis';
import { until } from '../support/until';

let name = 0;

const link = (from: number, to: number): QuestionLink => ({
  id: hex(from),
  entryId: hex(to),
  scope: 'team:one',
  requestedModel: 'm',
  similarity: 0.87,
  judge: 'p/judge',
  requestId: 'req_1',
  judgeRequestId: 'req_2',
  createdAtMs: 0,
  expiresAtMs: 0,
});

const answers = (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    () => false,
  );

describe('RedisCacheStore', () => {
  let client: Redis;
  beforeAll(async () => {
    client = new Redis(process.env['TEST_REDIS_URL'] ?? '');
    await client.ping();
  });
  afterAll(() => client.disconnect());

  cacheStoreContract(() => {
    // Redis ends entries by its own clock; the suite turns only the one the store reads.
    let now = Date.now();
    const nowMs = (): number => now;
    const store = new RedisCacheStore({ client, nowMs, name: `contract-${process.pid}-${(name += 1)}`, ...ROOM });
    return Promise.resolve({ store, nowMs, advance: (milliseconds) => void (now += milliseconds) });
  });

  describe('the lease of a flight', () => {
    const WORDS = hex(9);
    let now = Date.now();
    let store: RedisCacheStore;
    beforeEach(() => {
      now = Date.now();
      store = new RedisCacheStore({ client, nowMs: () => now, name: `lease-${process.pid}-${(name += 1)}` });
    });
    const entry = (number: number, change: object = {}): CacheEntry =>
      entryWith({ id: hex(number), createdAtMs: now, expiresAtMs: now + 60_000, ...change });
    const look = async (number: number, words: string | null = null): Promise<Lease | 'held' | null> =>
      (await store.find(hex(number), words, { leaseMs: 5_000 })).lease;
    const take = async (number: number): Promise<Lease> => {
      const lease = await look(number);
      if (lease === null || lease === 'held') throw new Error('nobody else looks');
      return lease;
    };

    it('goes to one of all who find nothing at the same time, and to another when it is given back', async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => look(1)));
      expect(all.filter((lease) => lease === 'held')).toHaveLength(19);
      const [lease] = all.filter((each) => each !== null && each !== 'held');
      expect([await store.lease(hex(1), 5_000), await look(2)]).toEqual(['held', expect.anything()]);
      await lease!.release();
      expect(await look(1)).not.toBe('held');
    });

    it('is not taken where there is something fresh, nor by who does not ask for it', async () => {
      expect((await store.find(hex(1), WORDS)).lease).toBeNull();
      await store.put(entry(1), WORDS);
      await store.link({ ...link(2, 1), expiresAtMs: now + 60_000 });
      expect([await look(1), await look(3, WORDS), await look(2, hex(8))]).toEqual([null, null, null]);
      expect((await store.find(hex(2), hex(8), { leaseMs: 5_000 })).linked).not.toBeNull();
      expect(await store.find(hex(3), null, { leaseMs: 5_000, nearId: hex(1) })).toMatchObject({
        near: { id: hex(1) },
        lease: null,
      });
      const free = await Promise.all([1, 2, 3].map((number) => store.lease(hex(number), 5_000)));
      expect(free).not.toContain('held');
    });

    it('is taken where all there is has passed its time', async () => {
      await store.put(entry(1, { expiresAtMs: now + 1_000, keptUntilMs: now + 60_000 }), WORDS);
      await store.link({ ...link(2, 1), expiresAtMs: now + 60_000 });
      now += 1_000;
      const found = await store.find(hex(1), WORDS, { leaseMs: 5_000 });
      expect(found).toMatchObject({ entry: { id: hex(1) }, lease: { renew: expect.anything() } });
      for (const number of [2, 3]) expect(await look(number, WORDS)).toHaveProperty('release');
    });

    it('ends by itself, unless it is renewed, and only its holder can touch it', async () => {
      const key = `{${`lease-${process.pid}-${name}`}:cache}:f:${hex(1)}`;
      const first = await take(1);
      expect(await client.pttl(key)).toBeLessThanOrEqual(5_000);
      await first.renew(60_000);
      expect(await client.pttl(key)).toBeGreaterThan(50_000);
      await client.del(key);
      const second = await take(1);
      await Promise.all([first.renew(60_000), first.release()]);
      expect(await look(1)).toBe('held');
      expect(await client.pttl(key)).toBeLessThanOrEqual(5_000);
      await second.release();
    });

    it("is nobody's when Redis answers too late", async () => {
      const redis = await DoomedRedis.start();
      const impatient = new Redis(redis.url, { commandTimeout: 50 });
      const late = new RedisCacheStore({ client: impatient, nowMs: () => now });
      try {
        // Redis has the scripts already: what is late is what was asked first.
        await until(() => answers(late.find(hex(9), null)));
        await impatient.call('CLIENT', 'PAUSE', '300', 'ALL');
        await expect(late.find(hex(1), null, { leaseMs: 5_000 })).rejects.toThrow('timed out');
        await expect(late.lease(hex(2), 5_000)).rejects.toThrow('timed out');
        await until(() => answers(late.size()));
        for (const number of [1, 2]) {
          expect(await late.lease(hex(number), 5_000)).toHaveProperty('release');
          expect(await late.lease(hex(number), 5_000)).toBe('held');
        }
      } finally {
        impatient.disconnect();
        await redis.kill();
      }
    });
  });

  it('sets an expiry on everything that belongs to an entry', async () => {
    const prefix = `expiry-${process.pid}`;
    const store = new RedisCacheStore({ client, nowMs: Date.now, name: prefix });
    await store.put(entryWith({ id: hex(1), expiresAtMs: Date.now() + 5_000 }), hex(2));
    for (const key of [`{${prefix}:cache}:e:${hex(1)}`, `{${prefix}:cache}:w:${hex(2)}`]) {
      const left = await client.pttl(key);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(5_000);
    }
  });
});
