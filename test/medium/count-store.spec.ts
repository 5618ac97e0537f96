import { Redis } from 'ioredis';
import { countStoreContract } from '../../src/semantic-cache/store/count-store.contract';
import { HOUR_MS } from '../../src/semantic-cache/store/count.store';
import { RedisCountStore } from '../../src/semantic-cache/store/redis.count-store';

let name = 0;

describe('RedisCountStore', () => {
  let client: Redis;
  beforeAll(async () => {
    client = new Redis(process.env['TEST_REDIS_URL'] ?? '');
    await client.ping();
  });
  afterAll(() => client.disconnect());

  countStoreContract(() => new RedisCountStore(client, `counts-${process.pid}-${(name += 1)}`));

  it('forgets an hour about a week after it', async () => {
    const hour = Math.floor(Date.now() / HOUR_MS);
    await new RedisCountStore(client, `ends-${process.pid}`).keep(hour, 'a', new Map([['misses', 1n]]));
    const left = await client.pttl(`{ends-${process.pid}:cache}:n:${hour}`);
    expect(left).toBeGreaterThan(168 * HOUR_MS);
    expect(left).toBeLessThanOrEqual(170 * HOUR_MS);
  });
});
