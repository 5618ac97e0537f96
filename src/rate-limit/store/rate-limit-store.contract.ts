import type { Admission, AdmissionResult, Admitted, Denied, RateLimitStore, WindowCounter } from './rate-limit.store';

/** A store on a clock that the suite turns. */
export interface StoreUnderTest {
  readonly store: RateLimitStore;
  /** Moves the time; false `isMonotonic` moves only what the store can see of the wall clock. */
  advance(milliseconds: number): void;
  /** Resolves when everything that was settled and released has been written. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const WINDOW_MS = 60_000;
const counter = (key: string, limit: number, cost = 1): WindowCounter => ({ key, windowMs: WINDOW_MS, limit, cost });
const only = (...counters: WindowCounter[]): Admission => ({ counters, slots: [] });

function admitted(result: AdmissionResult): Admitted {
  if (result.kind !== 'admitted') throw new Error(`expected an admission, got ${JSON.stringify(result)}`);
  return result;
}

function denied(result: AdmissionResult): Denied {
  if (result.kind !== 'denied') throw new Error(`expected a denial, got ${JSON.stringify(result)}`);
  return result;
}

/** What every store promises, whatever it is made of. */
export function rateLimitStoreContract(open: () => Promise<StoreUnderTest>): void {
  let test: StoreUnderTest;
  let store: RateLimitStore;
  const used = async (...keys: string[]): Promise<number[]> => {
    await test.settled();
    const { windows } = await store.usage(
      keys.map((key) => ({ key, windowMs: WINDOW_MS })),
      [],
    );
    return windows.map((window) => window.used);
  };

  beforeEach(async () => {
    test = await open();
    ({ store } = test);
  });
  afterEach(() => test.close());

  it('admits up to the limit and not one more', async () => {
    for (let left = 2; left >= 0; left -= 1) {
      expect(admitted(await store.admit(only(counter('a', 3)))).counters[0]).toMatchObject({ remaining: left });
    }
    expect(denied(await store.admit(only(counter('a', 3))))).toMatchObject({
      short: { of: 'counter', index: 0 },
      counters: [{ used: 3, remaining: 0 }],
      degraded: false,
    });
  });

  it('admits everything of a batch that fits when all ask at once', async () => {
    const results = await Promise.all(Array.from({ length: 150 }, () => store.admit(only(counter('a', 100)))));
    expect(results.filter(({ kind }) => kind === 'admitted')).toHaveLength(100);
  });

  it('takes all or nothing, and a denied call consumes nothing', async () => {
    await store.admit(only(counter('b', 1)));
    const result = denied(await store.admit(only(counter('a', 10, 4), counter('b', 1), counter('c', 10))));
    expect(result.short).toEqual({ of: 'counter', index: 1 });
    expect(await used('a', 'b', 'c')).toEqual([0, 1, 0]);
  });

  it('names the shortage that lasts longest, and waiting so long is enough for all of them', async () => {
    await store.admit(only(counter('early', 1)));
    test.advance(20_000);
    await store.admit(only(counter('late', 1)));
    test.advance(1);
    const both = only(counter('late', 1), counter('early', 1));
    const { short, retryAfterMs } = denied(await store.admit(both));
    expect(short).toEqual({ of: 'counter', index: 0 });
    expect(retryAfterMs).toBeGreaterThan(WINDOW_MS - 1000);
    expect(retryAfterMs).toBeLessThanOrEqual(WINDOW_MS + 1000);
    test.advance(retryAfterMs - 1);
    expect(denied(await store.admit(both)).retryAfterMs).toBe(1);
    test.advance(1);
    admitted(await store.admit(both));
  });

  it('counts an admission for the window and at most a sixtieth more', async () => {
    test.advance(500);
    admitted(await store.admit(only(counter('a', 1))));
    test.advance(WINDOW_MS);
    denied(await store.admit(only(counter('a', 1))));
    test.advance(WINDOW_MS / 60);
    admitted(await store.admit(only(counter('a', 1))));
  });

  it('never admits what is dearer than the limit, and says so', async () => {
    expect(denied(await store.admit(only(counter('a', 10, 11)))).retryAfterMs).toBe(Infinity);
    expect(await used('a')).toEqual([0]);
  });

  it('denies from then on when the limit is lowered below the use, and tells the time it takes', async () => {
    for (let index = 0; index < 5; index += 1) {
      await store.admit(only(counter('a', 10)));
      test.advance(1_000);
    }
    const { retryAfterMs, counters } = denied(await store.admit(only(counter('a', 2))));
    expect(counters[0]).toMatchObject({ used: 5, remaining: 0 });
    test.advance(retryAfterMs);
    admitted(await store.admit(only(counter('a', 2))));
  });

  it('settles into the bucket of the admission, both ways', async () => {
    const first = admitted(await store.admit(only(counter('t', 1_000, 600))));
    test.advance(30_000);
    const second = admitted(await store.admit(only(counter('t', 1_000, 300))));
    store.settle(first.receipt, [-500]);
    store.settle(second.receipt, [200]);
    expect(await used('t')).toEqual([600]);
    test.advance(31_000);
    expect(await used('t')).toEqual([500]);
    test.advance(30_000);
    expect(await used('t')).toEqual([0]);
  });

  it('lets a settlement go beyond the limit: then nothing is admitted until it has left', async () => {
    const { receipt } = admitted(await store.admit(only(counter('t', 100, 10))));
    store.settle(receipt, [500]);
    expect(await used('t')).toEqual([510]);
    denied(await store.admit(only(counter('t', 100, 1))));
  });

  it('settles nothing that has left the window, and never below zero', async () => {
    const old = admitted(await store.admit(only(counter('t', 100, 40))));
    test.advance(WINDOW_MS * 2);
    const young = admitted(await store.admit(only(counter('t', 100, 5))));
    store.settle(old.receipt, [-40]);
    expect(await used('t')).toEqual([5]);
    store.settle(young.receipt, [-50]);
    expect(await used('t')).toEqual([0]);
  });

  it('holds a slot until it is released, in one call with the counters', async () => {
    const call: Admission = { counters: [counter('a', 10)], slots: [{ key: 's', limit: 2 }] };
    const first = admitted(await store.admit(call));
    expect(first.slots).toEqual([{ used: 1, remaining: 1 }]);
    admitted(await store.admit(call));
    expect(denied(await store.admit(call))).toMatchObject({
      short: { of: 'slot', index: 0 },
      slots: [{ used: 2, remaining: 0 }],
    });
    expect(await used('a')).toEqual([2]);
    store.release(first.receipt);
    await test.settled();
    expect((await store.usage([], ['s'])).slots).toEqual([1]);
    admitted(await store.admit(call));
  });

  it('tells how many calls run also when something else is short', async () => {
    const slots = [{ key: 's', limit: 2 }];
    admitted(await store.admit({ counters: [counter('a', 1)], slots }));
    const result = denied(await store.admit({ counters: [counter('a', 1)], slots }));
    expect(result).toMatchObject({ short: { of: 'counter', index: 0 }, slots: [{ used: 1, remaining: 1 }] });
  });

  it('counts large numbers exactly', async () => {
    const limit = 2 ** 52;
    const { receipt } = admitted(await store.admit(only(counter('t', limit, limit - 1))));
    admitted(await store.admit(only(counter('t', limit, 1))));
    denied(await store.admit(only(counter('t', limit, 1))));
    store.settle(receipt, [-3]);
    expect(await used('t')).toEqual([limit - 3]);
  });

  it('tells when a window is empty again', async () => {
    const [state] = admitted(await store.admit(only(counter('a', 5)))).counters;
    expect(state?.resetMs).toBeGreaterThan(WINDOW_MS - 1);
    expect(state?.resetMs).toBeLessThanOrEqual(WINDOW_MS + 1000);
    test.advance(state?.resetMs ?? 0);
    expect(await store.usage([{ key: 'a', windowMs: WINDOW_MS }], [])).toMatchObject({
      windows: [{ used: 0, resetMs: 0 }],
    });
  });
}
