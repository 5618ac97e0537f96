import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/rate-limit/testing/seeded-random';
import { TurnedClock } from '../../src/rate-limit/testing/turned-clock';
import { guarantee } from '../support/guarantee';
import { bursty, edge, poisson, type Trace } from '../support/limit-traces';
import { LimiterReplica, mostInAnyWindow, mostSurelyInAnyWindow } from '../support/limiter-replica';
import { until } from '../support/until';

const URL = process.env['TEST_REDIS_URL'] ?? '';
const REPLICAS = 3;
const WINDOW_MS = 60_000;
const LIMIT = 100;

let organizations = 0;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const SIZE = { windowMs: WINDOW_MS, limit: LIMIT };
const TRACES: Readonly<Record<string, Trace>> = {
  'edge burst': edge(SIZE, 12, false),
  'sparse edge': edge(SIZE, 8, true),
  'Poisson 80 %': poisson(SIZE, 0.8, 20),
  'Poisson 100 %': poisson(SIZE, 1, 20),
  'Poisson 300 %': poisson(SIZE, 3, 12),
  bursty: bursty(SIZE, 25),
};

describe('three replicas on one Redis, time turned by hand', () => {
  let clock: TurnedClock;
  let replicas: LimiterReplica[];

  beforeEach(async () => {
    clock = new TurnedClock();
    organizations += 1;
    const organization = `virtual-${process.pid}-${organizations}`;
    replicas = await Promise.all(
      Array.from({ length: REPLICAS }, () => LimiterReplica.start(URL, organization, clock)),
    );
  });
  afterEach(() => Promise.all(replicas.map((replica) => replica.stop())));

  /** Replicas are heard of all the time, so time passes in steps shorter than the silence that is taken for an outage. */
  const advance = async (milliseconds: number): Promise<void> => {
    for (let left = milliseconds; left > 0; left -= 900) {
      clock.advance(Math.min(left, 900));
      await replicas[0]!.store.usage([], []);
    }
  };
  const one = (cost = 1, limit = LIMIT) => ({
    counters: [{ key: 'r:team:t', windowMs: WINDOW_MS, limit, cost }],
    slots: [],
  });
  const hot = (cost: number, limit: number) => ({
    counters: [
      { key: 't:team:t', windowMs: WINDOW_MS, limit, cost },
      { key: 'r:team:t', windowMs: WINDOW_MS, limit: 1_000_000, cost: 1 },
    ],
    slots: [],
  });
  const used60 = async (): Promise<number> =>
    (await replicas[0]!.store.usage([{ key: 't:team:t', windowMs: WINDOW_MS }], [])).windows[0]!.used;
  const used = async (): Promise<number> => {
    await replicas[0]!.store.admit({ counters: [], slots: [] });
    const { windows } = await replicas[0]!.store.usage([{ key: 'r:team:t', windowMs: WINDOW_MS }], []);
    return windows[0]!.used;
  };

  it.each(Object.entries(TRACES))('LIM-1 LIM-3 LIM-5: %s', async (name, times) => {
    let now = 0;
    let drift = 0;
    const log: { at: number; cost: number }[] = [];
    const exact: number[] = [];
    let exactAdmitted = 0;
    for (const [index, at] of times.entries()) {
      await advance(at - now);
      now = at;
      while (exact.length > 0 && exact[0]! <= now - WINDOW_MS) exact.shift();
      if (exact.length < LIMIT) {
        exact.push(now);
        exactAdmitted += 1;
      }
      const result = await replicas[index % REPLICAS]!.ask(one());
      if (result.kind === 'admitted') log.push({ at: now, cost: 1 });
      else if (result.kind === 'denied' && result.counters[0]!.used > LIMIT) drift += 1;
    }
    const most = mostInAnyWindow(log, WINDOW_MS);
    const share = (100 * log.length) / exactAdmitted;
    say(
      `${name}: ${times.length} calls, at most ${most} of ${LIMIT} in any window, ${share.toFixed(1)} % of the exact log`,
    );
    expect(most).toBeLessThanOrEqual(LIMIT);
    expect(drift).toBe(0);
    expect(share).toBeGreaterThanOrEqual(98);
    if (name === 'Poisson 300 %') guarantee('LIM-3', `${share.toFixed(1)} % of the exact log at 300 % load`, 42);
  });

  it('LIM-2: reserved tokens stay within the limit, and with fair estimates little is left unused', async () => {
    const chance = seededRandom(11);
    const limit = 1_000_000;
    const log: { at: number; cost: number }[] = [];
    let now = 0;
    let offered = 0;
    while (now < 6 * WINDOW_MS) {
      const pause = Math.floor(chance() * 400);
      await advance(pause);
      now += pause;
      const reserved = 1 + Math.floor(chance() * 20_000);
      offered += reserved;
      const replica = replicas[Math.floor(chance() * REPLICAS)]!;
      const result = await replica.ask(one(reserved, limit));
      if (result.kind !== 'admitted') continue;
      const actual = Math.floor(reserved * (0.9 + chance() / 10));
      log.push({ at: now, cost: actual });
      replica.store.settle(result.receipt, [actual - reserved]);
    }
    const most = mostInAnyWindow(log, WINDOW_MS);
    const all = log.reduce((sum, { cost }) => sum + cost, 0);
    const utilisation = (100 * all) / ((limit * now) / WINDOW_MS);
    say(
      `LIM-2: ${log.length} calls, at most ${most} of ${limit} tokens in any window, ${utilisation.toFixed(1)} % used of what could be (${((100 * offered * WINDOW_MS) / (limit * now)).toFixed(0)} % asked for)`,
    );
    expect(most).toBeLessThanOrEqual(limit);
    expect(utilisation).toBeGreaterThanOrEqual(95);
  });

  it('LIM-4: after the wait that was told, another replica admits the same call', async () => {
    const chance = seededRandom(5);
    let [waits, kept] = [0, 0];
    for (let index = 0; index < 1_500; index += 1) {
      await advance(Math.floor(chance() * 900));
      const cost = 1 + Math.floor(chance() * 30);
      const result = await replicas[index % REPLICAS]!.ask(one(cost));
      if (result.kind !== 'denied') continue;
      waits += 1;
      await advance(result.retryAfterMs);
      if ((await replicas[(index + 1) % REPLICAS]!.ask(one(cost))).kind === 'admitted') kept += 1;
    }
    say(`LIM-4: ${kept} of ${waits} waits were enough`);
    expect(waits).toBeGreaterThan(100);
    expect(kept).toBe(waits);
    guarantee('LIM-4', `${kept} of ${waits} waits were enough`, 5);
  });

  it('LIM-5: calls that are denied for one of two limits leave nothing in the other', async () => {
    const both = {
      counters: [
        { key: 'r:team:other', windowMs: WINDOW_MS, limit: 1_000, cost: 7 },
        { key: 'r:team:t', windowMs: WINDOW_MS, limit: 1, cost: 1 },
      ],
      slots: [{ key: 's:team:t', limit: 5 }],
    };
    await replicas[0]!.ask(both);
    for (let index = 0; index < 300; index += 1) {
      expect((await replicas[index % REPLICAS]!.ask(both)).kind).toBe('denied');
    }
    const usage = await replicas[1]!.store.usage([{ key: 'r:team:other', windowMs: WINDOW_MS }], ['s:team:t']);
    say(
      `LIM-5: 300 denied calls moved ${usage.windows[0]!.used - 7} of another limit and ${usage.slots[0]! - 1} slots`,
    );
    expect(usage).toMatchObject({ windows: [{ used: 7 }], slots: [1] });
    guarantee('LIM-5', '300 denied calls over 3 replicas used 0 of another limit and 0 slots');
  });

  it('LIM-6: neither a clock that jumps back nor one that jumps ahead lets anybody in', async () => {
    const shown = { offsetMs: 0 };
    const wall = clock.now.bind(clock);
    // Only Redis sees the jumps: the replicas' monotonic clocks do not.
    jest.spyOn(clock, 'now').mockImplementation(() => wall() + shown.offsetMs);
    for (let index = 0; index < LIMIT; index += 1) {
      expect(await replicas[index % REPLICAS]!.ask(one())).toMatchObject({ kind: 'admitted' });
    }
    let admitted = 0;
    for (const jump of [-300_000, 300_000, 300_000, -1, 2_000, -30_000, 5_000]) {
      shown.offsetMs += jump;
      for (const replica of replicas) if ((await replica.ask(one())).kind === 'admitted') admitted += 1;
    }
    say(`LIM-6: seven jumps of the clock, up to five minutes both ways: ${admitted} admitted beyond the limit`);
    expect(admitted).toBe(0);
    guarantee('LIM-6', 'seven jumps of the clock, up to five minutes both ways: excess 0');
    // And time goes on: the window empties as if nothing had happened.
    await advance(WINDOW_MS + 1_000);
    expect((await replicas[0]!.ask(one())).kind).toBe('admitted');
  });

  it('LIM-1 LIM-2: a hot team is admitted from permits, and the limit holds to the last token', async () => {
    const [seed, limit] = [17, 6_000];
    const chance = seededRandom(seed);
    const log: { at: number; cost: number }[] = [];
    let [now, calls, byPermit, used] = [0, 0, 0, 0];
    let denied = 0;
    while (denied < 300) {
      const pause = Math.floor(chance() * 4);
      clock.advance(pause);
      now += pause;
      const replica = replicas[Math.floor(chance() * REPLICAS)]!;
      const results = await Promise.all(Array.from({ length: 6 }, () => replica.ask(hot(1 + (calls++ % 3), limit))));
      for (const result of results) {
        if (result.kind !== 'admitted') {
          denied += 1;
          continue;
        }
        if (result.isByPermit) byPermit += 1;
        const { cost } = result.receipt.counters[0]!;
        const actual = Math.floor(cost * (0.5 + chance() / 2));
        log.push({ at: now, cost: actual });
        used += actual;
        expect(result.counters[0]!.remaining).toBeGreaterThanOrEqual(0);
        replica.store.settle(result.receipt, [actual - cost, 0]);
      }
    }
    const most = mostInAnyWindow(log, WINDOW_MS);
    expect(most).toBeLessThanOrEqual(limit);
    expect(byPermit / log.length).toBeGreaterThan(0.3);
    expect(used / limit).toBeGreaterThan(0.9);
    // What nobody used goes back, and the view is exact again.
    clock.advance(200);
    await until(async () => (await used60()) === used);
    const share = ((100 * byPermit) / log.length).toFixed(0);
    say(`permits on Redis: ${calls} calls, ${share} % by permit, at most ${most} of ${limit} in any window`);
  });

  it('takes no permit for calls with a bound on how many run', async () => {
    const call = { ...hot(1, 100_000), slots: [{ key: 's:team:t', limit: 10_000 }] };
    for (let round = 0; round < 10; round += 1) {
      const results = await Promise.all(Array.from({ length: 40 }, () => replicas[0]!.ask(call)));
      expect(results.filter((result) => result.kind !== 'admitted' || result.isByPermit)).toEqual([]);
    }
  });

  it('gives permits back under a limit that was changed, and denies at once when it is below the use', async () => {
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 40 }, () => replicas[0]!.ask(hot(1, 100_000))));
    }
    const before = await replicas[0]!.ask(hot(1, 100_000));
    expect(before).toMatchObject({ kind: 'admitted', isByPermit: true });
    for (const replica of replicas) {
      expect(await replica.ask(hot(1, 100))).toMatchObject({ kind: 'denied', counters: [{ remaining: 0 }, {}] });
    }
    clock.advance(200);
    await until(async () => (await used60()) === 401);
  });

  it('settles what was reserved for every replica to see', async () => {
    const result = await replicas[0]!.ask(one(80));
    expect((await replicas[1]!.ask(one(80))).kind).toBe('denied');
    if (result.kind === 'admitted') replicas[0]!.store.settle(result.receipt, [-70]);
    expect(await used()).toBe(10);
    expect((await replicas[1]!.ask(one(80))).kind).toBe('admitted');
  });
});

describe('three replicas on one Redis, in real time', () => {
  it('LIM-1: a flood from all sides at once', async () => {
    const windowMs = 1_000;
    const limit = 200;
    const organization = `flood-${process.pid}`;
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => LimiterReplica.start(URL, organization)));
    const until = performance.now() + 4_000;
    let asked = 0;
    await Promise.all(
      replicas.map(async (replica) => {
        while (performance.now() < until) {
          const call = { counters: [{ key: 'r:team:t', windowMs, limit, cost: 1 }], slots: [] };
          await Promise.all(Array.from({ length: 8 }, () => replica.ask(call)));
          asked += 8;
          await sleep(4);
        }
      }),
    );
    const log = replicas.flatMap(({ admitted }) => admitted);
    const most = mostSurelyInAnyWindow(log, windowMs);
    say(`LIM-1: ${asked} calls in 4 s, ${log.length} admitted, at most ${most} of ${limit} in any second`);
    expect(most).toBeLessThanOrEqual(limit);
    expect(log.length).toBeGreaterThan(limit * 3);
    await Promise.all(replicas.map((replica) => replica.stop()));
  });

  it('LIM-9: no slot leaks, not even those of a replica that was unplugged', async () => {
    const organization = `slots-${process.pid}`;
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => LimiterReplica.start(URL, organization)));
    const chance = seededRandom(3);
    const limit = 20;
    let [running, most, calls] = [0, 0, 0];
    const call = { counters: [], slots: [{ key: 's:key:k', limit }] };
    const work = async (replica: LimiterReplica): Promise<void> => {
      for (let index = 0; index < 60; index += 1) {
        const result = await replica.ask(call);
        if (result.kind !== 'admitted') {
          await sleep(2);
          continue;
        }
        calls += 1;
        running += 1;
        most = Math.max(most, running);
        if (chance() < 0.7) await sleep(chance() * 10);
        running -= 1;
        replica.store.release(result.receipt);
      }
    };
    await Promise.all(replicas.flatMap((replica) => Array.from({ length: 12 }, () => work(replica))));
    const [first, second, third] = replicas as [LimiterReplica, LimiterReplica, LimiterReplica];
    const held = async (by: LimiterReplica): Promise<number | undefined> =>
      (await by.store.usage([], ['s:key:k'])).slots[0];
    await until(async () => (await held(first)) === 0);
    for (let index = 0; index < 5; index += 1) await third.ask(call);
    await until(async () => (await held(first)) === 5);
    third.unplug();
    // A replica counts as gone after five seconds of silence.
    const goneMs = performance.now();
    await until(async () => (await held(second)) === 0, 60_000);
    const afterMs = performance.now() - goneMs;
    say(
      `LIM-9: ${calls} calls, at most ${most} of ${limit} ran at a time, 0 held at rest; 5 held by a replica that died, 0 after ${afterMs.toFixed(0)} ms`,
    );
    expect(most).toBeLessThanOrEqual(limit);
    expect(afterMs).toBeGreaterThan(3_000);
    guarantee(
      'LIM-9',
      `${calls} calls, at most ${most} of ${limit} at a time; 0 held at rest, 0 after a replica died`,
      3,
    );
    await Promise.all([first.stop(), second.stop()]);
  });
});
