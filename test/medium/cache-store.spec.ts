import { Redis } from 'ioredis';
import { cacheStoreContract, ROOM } from '../../src/semantic-cache/store/cache-store.contract';
import { RedisCacheStore } from '../../src/semantic-cache/store/redis.cache-store';
import { entryWith, hex } from '../../src/semantic-cache/testing/entries';

let name = 0;

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
