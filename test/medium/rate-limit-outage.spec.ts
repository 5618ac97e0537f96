import { setTimeout as sleep } from 'node:timers/promises';
import { DoomedRedis } from '../support/doomed-redis';
import { TcpLink } from '../support/tcp-link';
import { LimiterReplica, mostSurelyInAnyWindow } from '../support/limiter-replica';
import { until } from '../support/until';

const WINDOW_MS = 3_000;
const LIMIT = 90;
const REPLICAS = 3;
const CALL = { counters: [{ key: 'r:team:t', windowMs: WINDOW_MS, limit: LIMIT, cost: 1 }], slots: [] };

const say = (line: string): void => void process.stdout.write(`${line}\n`);

describe('when Redis goes away', () => {
  let redis: DoomedRedis;
  let replicas: LimiterReplica[];
  let calls = 0;
  let over: AbortController;

  beforeEach(async () => {
    redis = await DoomedRedis.start();
    replicas = await Promise.all(Array.from({ length: REPLICAS }, () => LimiterReplica.start(redis.url, 'doomed')));
    calls = 0;
    over = new AbortController();
    // Everybody has heard of everybody.
    await sleep(600);
    expect(replicas.map(({ store }) => store.members)).toEqual([REPLICAS, REPLICAS, REPLICAS]);
  });
  afterEach(async () => {
    over.abort();
    redis.thaw();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis.kill();
  });

  /** Each replica asks one call after the other, more often than the limit allows. */
  const flood = (): Promise<void[]> =>
    Promise.all(
      replicas.map(async (replica) => {
        while (!over.signal.aborted) {
          await replica.ask(CALL);
          calls += 1;
          await sleep(3);
        }
      }),
    );
  const most = (): number =>
    mostSurelyInAnyWindow(
      replicas.flatMap(({ admitted }) => admitted),
      WINDOW_MS,
    );

  it('LIM-7: replicas that find an empty Redis one after the other wait for each other', async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    const links = await Promise.all(replicas.map(() => TcpLink.create(redis.url)));
    await Promise.all(links.map((link) => link.restore()));
    replicas = await Promise.all(links.map((link) => LimiterReplica.start(link.through(redis.url), 'linked')));
    await sleep(600);
    const running = flood();
    await sleep(800);
    await Promise.all(links.map((link) => link.cut()));
    await redis.kill();
    await redis.up();
    for (const link of links) {
      await sleep(700);
      await link.restore();
    }
    await sleep(5_000);
    over.abort();
    await running;
    say(`LIM-7: back one by one, ${calls} calls, at most ${most()} of ${LIMIT} in any window`);
    expect(most()).toBeLessThanOrEqual(LIMIT);
    for (const { store } of replicas) {
      expect({ degraded: store.degraded, members: store.members }).toEqual({ degraded: false, members: REPLICAS });
    }
    await Promise.all(replicas.map((replica) => replica.stop()));
    replicas = [];
    await Promise.all(links.map((link) => link.cut()));
  });

  it('LIM-8: refuses or lets pass when that is the policy, and says which', async () => {
    await redis.kill();
    const [first] = replicas as [LimiterReplica];
    for (let index = 0; index < 5; index += 1) await first.ask(CALL);
    expect(first.store.degraded).toBe(true);
    first.policy = 'deny';
    expect(await first.ask(CALL)).toEqual({ kind: 'unavailable', reason: 'denied_by_policy', retryAfterMs: 1_000 });
    first.policy = 'allow';
    for (let index = 0; index < LIMIT * 2; index += 1) {
      expect(await first.ask(CALL)).toMatchObject({ kind: 'admitted', degraded: true });
    }
    first.policy = 'local_share';
    const tooDear = { counters: [{ ...CALL.counters[0]!, cost: LIMIT }], slots: [] };
    expect(await first.ask(tooDear)).toMatchObject({ kind: 'unavailable', reason: 'share_too_small' });
  });

  it('LIM-9: slots survive an outage without leaking', async () => {
    const call = { counters: [], slots: [{ key: 's:key:k', limit: 9 }] };
    const [first, second] = replicas as [LimiterReplica, LimiterReplica];
    const before = [await first.ask(call), await first.ask(call)];
    await redis.kill();
    const during = await second.ask(call);
    for (const result of before) if (result.kind === 'admitted') first.store.release(result.receipt);
    await redis.up();
    const running = async (): Promise<number | null> => {
      const { slots, degraded } = await first.store.usage([], ['s:key:k']);
      return degraded ? null : slots[0]!;
    };
    await until(async () => (await running()) === 1);
    if (during.kind !== 'admitted') throw new Error(`not admitted during the outage: ${during.kind}`);
    second.store.release(during.receipt);
    await until(async () => (await running()) === 0);
  });
});
