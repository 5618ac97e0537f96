import { Cluster } from 'ioredis';
import { redisClient } from '../../src/platform/redis/redis-client';
import type { Admission } from '../../src/rate-limit/store/rate-limit.store';
import { rateLimitStoreContract } from '../../src/rate-limit/store/rate-limit-store.contract';
import { RedisRateLimitStore } from '../../src/rate-limit/store/redis.rate-limit-store';
import { TurnedClock } from '../../src/rate-limit/testing/turned-clock';
import { withoutHeartbeats } from '../support/no-heartbeats';
import { TestRedisCluster } from '../support/test-redis-cluster';
import { until } from '../support/until';

const SCOPES = ['key', 'user', 'team', 'department', 'organization', 'model'];

describe('limits on a Redis Cluster of three nodes', () => {
  let cluster: TestRedisCluster;
  let client: Cluster;
  const failures: unknown[] = [];
  let organizations = 0;

  withoutHeartbeats();
  beforeAll(async () => {
    cluster = await TestRedisCluster.start();
    const found = redisClient({ url: cluster.url, isCluster: true }, { maxRetriesPerRequest: 0 });
    if (!(found instanceof Cluster)) throw new Error('not connected as a cluster');
    client = found;
    client.on('error', () => {});
    await until(() => client.status === 'ready');
  });
  afterAll(async () => {
    client.disconnect();
    await cluster.stop();
  });
  afterEach(() => expect(failures.splice(0)).toEqual([]));

  const open = async (clock: TurnedClock, organization: string): Promise<RedisRateLimitStore> => {
    const store = new RedisRateLimitStore({
      client,
      clock,
      policy: () => 'deny',
      organization,
      nowMs: () => clock.now(),
      timeoutMs: 10_000,
      onFailure: (error) => failures.push(error),
    });
    await store.start();
    return store;
  };

  // Organisations are spread over the nodes, so the suite meets all of them.
  rateLimitStoreContract(async () => {
    organizations += 1;
    const clock = new TurnedClock();
    const store = await open(clock, `cluster-${organizations}`);
    return {
      store,
      advance: (milliseconds) => clock.advance(milliseconds),
      settled: async () => {
        await store.admit({ counters: [], slots: [] });
      },
      close: () => store.stop(),
    };
  });

  it('keep everything of an organisation in one slot, and organisations on different nodes', async () => {
    const admission = (caller: number): Admission => ({
      counters: SCOPES.flatMap((scope) => [
        { key: `r:${scope}:${caller}`, windowMs: 60_000, limit: 10, cost: 1 },
        { key: `t:${scope}:${caller}`, windowMs: 60_000, limit: 1_000, cost: 100 },
      ]),
      slots: SCOPES.map((scope) => ({ key: `s:${scope}:${caller}`, limit: 5 })),
    });
    const nodes = new Set<number>();
    for (let index = 0; index < 12; index += 1) {
      const organization = `tag-${index}`;
      const store = await open(new TurnedClock(), organization);
      for (let caller = 0; caller < 20; caller += 1) {
        expect(await store.admit(admission(caller))).toMatchObject({ kind: 'admitted', degraded: false });
      }
      const held = [...(await cluster.keys(`*{${organization}}*`))].filter(([, keys]) => keys.length > 0);
      expect(held).toHaveLength(1);
      const [[port, keys]] = held as [[number, string[]]];
      nodes.add(port);
      // Two windows and a slot of each scope of each caller, the clock and the roll.
      expect(keys).toHaveLength(20 * SCOPES.length * 3 + 2);
      const slots = await cluster.on(port, (node) => Promise.all(keys.map((key) => node.cluster('KEYSLOT', key))));
      expect(new Set(slots).size).toBe(1);
      await store.stop();
    }
    expect(nodes.size).toBeGreaterThan(1);
  });

  it('bring the script to a node that does not have it', async () => {
    const store = await open(new TurnedClock(), 'scriptless');
    for (const port of cluster.ports) await cluster.on(port, (node) => node.script('FLUSH'));
    expect(await store.admit({ counters: [], slots: [{ key: 's', limit: 1 }] })).toMatchObject({ kind: 'admitted' });
    await store.stop();
  });
});
