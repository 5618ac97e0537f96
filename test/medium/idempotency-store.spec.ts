import { Redis } from 'ioredis';
import { idempotencyStoreContract } from '../../src/gateway/idempotency/store/idempotency-store.contract';
import { RedisIdempotencyStore } from '../../src/gateway/idempotency/store/redis.idempotency-store';

let name = 0;

describe('RedisIdempotencyStore', () => {
  let client: Redis;
  beforeAll(async () => {
    client = new Redis(process.env['TEST_REDIS_URL'] ?? '');
    await client.ping();
  });
  afterAll(() => client.disconnect());

  idempotencyStoreContract(() =>
    Promise.resolve(new RedisIdempotencyStore(client, `contract-${process.pid}-${(name += 1)}:`)),
  );

  it('sets an expiry on every key', async () => {
    const prefix = `expiry-${process.pid}:`;
    const store = new RedisIdempotencyStore(client, prefix);
    await store.claim('key', { owner: 'one', fingerprint: 'body', leaseMs: 1_000, ttlMs: 50_000 });
    expect(await client.pttl(`${prefix}key`)).toBeGreaterThan(1_000);
    await store.finish('key', 'one', Buffer.from('answer'), 5_000);
    const left = await client.pttl(`${prefix}key`);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(5_000);
  });
});
