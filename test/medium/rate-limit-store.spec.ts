import fc from 'fast-check';
import { Redis } from 'ioredis';
import { TurnedClock } from '../../src/rate-limit/testing/turned-clock';
import { rateLimitStoreContract } from '../../src/rate-limit/store/rate-limit-store.contract';
import { MemoryRateLimitStore } from '../../src/rate-limit/store/memory.rate-limit-store';
import type { AdmissionResult, RateLimitStore } from '../../src/rate-limit/store/rate-limit.store';
import { RedisRateLimitStore } from '../../src/rate-limit/store/redis.rate-limit-store';
import { withoutHeartbeats } from '../support/no-heartbeats';

let organization = 0;
const failures: unknown[] = [];

describe('RedisRateLimitStore', () => {
  let client: Redis;
  withoutHeartbeats();
  beforeAll(async () => {
    client = new Redis(process.env['TEST_REDIS_URL'] ?? '');
    await client.ping();
  });
  afterAll(() => client.disconnect());
  afterEach(() => expect(failures.splice(0)).toEqual([]));

  const open = async (clock: TurnedClock): Promise<RedisRateLimitStore> => {
    organization += 1;
    const store = new RedisRateLimitStore({
      client,
      clock,
      policy: () => 'deny',
      organization: `contract-${process.pid}-${organization}`,
      nowMs: () => clock.now(),
      timeoutMs: 2_000,
      onFailure: (error) => failures.push(error),
    });
    await store.start();
    return store;
  };

  rateLimitStoreContract(async () => {
    const clock = new TurnedClock();
    const store = await open(clock);
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

  it('decides as the memory store does, whatever happens', async () => {
    const step = fc.record({
      pause: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 70_000 })),
      counters: fc.uniqueArray(
        fc.record({
          key: fc.constantFrom('a', 'b', 'c'),
          windowMs: fc.constant(60_000),
          limit: fc.integer({ min: 1, max: 40 }),
          cost: fc.integer({ min: 0, max: 45 }),
        }),
        { selector: ({ key }) => key, maxLength: 3 },
      ),
      slots: fc.constantFrom([], [{ key: 's', limit: 2 }]),
      // Which of the earlier admissions ends now, and how far off its reservation was.
      ends: fc.option(fc.nat(), { nil: null }),
      deltas: fc.tuple(
        fc.integer({ min: -45, max: 20 }),
        fc.integer({ min: -45, max: 20 }),
        fc.integer({ min: -45, max: 20 }),
      ),
    });
    const told = (result: AdmissionResult): object => ({ ...result, receipt: null });
    let decisions = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const clock = new TurnedClock();
        const stores: [RateLimitStore, RedisRateLimitStore] = [
          new MemoryRateLimitStore(() => clock.now()),
          await open(clock),
        ];
        const running: [AdmissionResult, AdmissionResult][] = [];
        for (const { pause, counters, slots, ends, deltas } of steps) {
          clock.advance(pause);
          const admission = { counters, slots };
          const results: [AdmissionResult, AdmissionResult] = [
            await stores[0].admit(admission),
            await stores[1].admit(admission),
          ];
          decisions += 1;
          expect(told(results[1])).toEqual(told(results[0]));
          if (results[0].kind === 'admitted') running.push(results);
          if (ends === null || running.length === 0) continue;
          const [ended] = running.splice(ends % running.length, 1);
          for (const [index, store] of stores.entries()) {
            const result = ended![index]!;
            if (result.kind !== 'admitted') throw new Error(result.kind);
            store.release(result.receipt);
            store.settle(result.receipt, deltas);
          }
          // Corrections wait 25 ms of real time for company: before the clock is turned they have to be there.
          await stores[1].admit({ counters: [], slots: [] });
        }
        await stores[1].stop();
      }),
      { numRuns: 40 },
    );
    process.stdout.write(`LIM: ${decisions} decisions of both stores on the same traces, all equal\n`);
    expect(decisions).toBeGreaterThan(300);
  });
});
