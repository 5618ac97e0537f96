import { Redis } from 'ioredis';
import { TurnedClock } from '../../src/rate-limit/testing/turned-clock';
import { rateLimitStoreContract } from '../../src/rate-limit/store/rate-limit-store.contract';
import { RedisRateLimitStore } from '../../src/rate-limit/store/redis.rate-limit-store';

let organization = 0;

describe('RedisRateLimitStore', () => {
  let client: Redis;
  beforeAll(async () => {
    client = new Redis(process.env['TEST_REDIS_URL'] ?? '');
    await client.ping();
  });
  afterAll(() => client.disconnect());

  rateLimitStoreContract(async () => {
    const clock = new TurnedClock();
    organization += 1;
    const store = new RedisRateLimitStore({
      client,
      clock,
      policy: () => 'deny',
      organization: `contract-${process.pid}-${organization}`,
      nowMs: () => clock.now(),
      timeoutMs: 2_000,
      onFailure: (error) => {
        throw error;
      },
    });
    await store.start();
    return {
      store,
      advance: (milliseconds) => clock.advance(milliseconds),
      // Corrections wait 25 ms for company; an admission takes them along.
      settled: async () => {
        await store.admit({ counters: [], slots: [] });
      },
      close: () => store.stop(),
    };
  });
});
