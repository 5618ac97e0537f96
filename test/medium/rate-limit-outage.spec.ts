import { setTimeout as sleep } from 'node:timers/promises';
import type { AdmissionResult } from '../../src/rate-limit/store/rate-limit.store';
import { DoomedRedis } from '../support/doomed-redis';
import { TcpLink } from '../support/tcp-link';
import { LimiterReplica, mostSurelyInAnyWindow } from '../support/limiter-replica';

const WINDOW_MS = 3_000;
const LIMIT = 90;
const REPLICAS = 3;
const CALL = { counters: [{ key: 'r:team:t', windowMs: WINDOW_MS, limit: LIMIT, cost: 1 }], slots: [] };

interface Timed {
  readonly atMs: number;
  readonly tookMs: number;
  readonly result: AdmissionResult;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const now = (): number => performance.now();

describe('when Redis goes away', () => {
  let redis: DoomedRedis;
  let replicas: LimiterReplica[];
  let calls: Timed[];
  let over: AbortController;

  beforeEach(async () => {
    redis = await DoomedRedis.start();
    replicas = await Promise.all(Array.from({ length: REPLICAS }, () => LimiterReplica.start(redis.url, 'doomed')));
    calls = [];
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
          const atMs = now();
          const result = await replica.ask(CALL);
          calls.push({ atMs, tookMs: now() - atMs, result });
          await sleep(3);
        }
      }),
    );
  const most = (): number =>
    mostSurelyInAnyWindow(
      replicas.flatMap(({ admitted }) => admitted),
      WINDOW_MS,
    );
  const between = (from: number, to: number): Timed[] => calls.filter(({ atMs }) => atMs >= from && atMs < to);
  const isDegraded = ({ result }: Timed): boolean => result.kind !== 'unavailable' && result.degraded;
  /** A refusal although everything that was surely admitted in the last window leaves room for all replicas' shares. */
  const madeUp = (): number => {
    const admitted = replicas.flatMap((replica) => replica.admitted);
    return calls.filter(({ atMs, tookMs, result }) => {
      if (result.kind !== 'denied') return false;
      const from = atMs - WINDOW_MS * (62 / 60);
      return admitted.filter(({ sentMs, answeredMs }) => answeredMs >= from && sentMs <= atMs + tookMs).length === 0;
    }).length;
  };

  it('LIM-7: a Redis that was killed and comes back empty does not begin new windows', async () => {
    const running = flood();
    await sleep(1_000);
    await redis.kill();
    await redis.up();
    const upAt = now();
    await sleep(2_500);
    await redis.kill();
    await redis.up();
    await sleep(4_000);
    over.abort();
    await running;
    const recovered = calls.find((call) => call.atMs > upAt && !isDegraded(call) && call.result.kind !== 'unavailable');
    const recoveryMs = (recovered ? recovered.atMs + recovered.tookMs : Infinity) - upAt;
    say(
      `LIM-7: two wipes under ${calls.length} calls, at most ${most()} of ${LIMIT} in any window, shared again after ${recoveryMs.toFixed(0)} ms`,
    );
    expect(most()).toBeLessThanOrEqual(LIMIT);
    expect(recoveryMs).toBeLessThan(2_000);
    expect(replicas.every(({ store }) => !store.degraded)).toBe(true);
  });

  it.each([
    ['frozen (SIGSTOP)', () => Promise.resolve(redis.freeze())],
    ['killed (SIGKILL)', () => redis.kill()],
  ])('LIM-8: local shares while it is %s', async (how, goAway) => {
    const running = flood();
    await sleep(1_000);
    const goneAt = now();
    await goAway();
    await sleep(5_000);
    const goneUntil = now();
    redis.thaw();
    if (how.startsWith('killed')) await redis.up();
    await sleep(4_000);
    over.abort();
    await running;
    const during = between(goneAt, goneUntil);
    const slow = during.filter(({ tookMs }) => tookMs > 10).length / REPLICAS;
    const slowest = Math.max(...during.map(({ tookMs }) => tookMs));
    const rest = during
      .filter(({ tookMs }) => tookMs <= 10)
      .map(({ tookMs }) => tookMs)
      .sort((a, b) => a - b);
    const p99 = rest[Math.floor(rest.length * 0.99)] ?? Infinity;
    const granted = during.filter(({ result }) => result.kind === 'admitted').length;
    say(
      `LIM-8 ${how}: at most ${most()} of ${LIMIT} in any window, ${granted} granted in 5 s; slow calls a replica ${slow.toFixed(1)} (slowest ${slowest.toFixed(0)} ms), then p99 ${p99.toFixed(2)} ms; made-up refusals ${madeUp()}`,
    );
    expect(most()).toBeLessThanOrEqual(LIMIT);
    expect(granted).toBeGreaterThan(LIMIT / 2);
    expect(slow).toBeLessThanOrEqual(5);
    expect(during.some(isDegraded)).toBe(true);
    expect(madeUp()).toBe(0);
    // It is back, and so are the shared windows.
    expect(replicas.map(({ store }) => store.degraded)).toEqual([false, false, false]);
  });

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
    say(`LIM-7: back one by one, ${calls.length} calls, at most ${most()} of ${LIMIT} in any window`);
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
    while (replicas.some(({ store }) => store.degraded)) await sleep(20);
    await sleep(600);
    expect((await first.store.usage([], ['s:key:k'])).slots).toEqual([1]);
    if (during.kind === 'admitted') second.store.release(during.receipt);
    await sleep(600);
    expect((await first.store.usage([], ['s:key:k'])).slots).toEqual([0]);
  });
});
