import { HOUR_MS, type CountStore } from './count.store';

/** What every store of counts promises. */
export function countStoreContract(open: () => CountStore): void {
  // Redis ends hours by its own clock.
  const HOUR = Math.floor(Date.now() / HOUR_MS);
  let store: CountStore;
  beforeEach(() => void (store = open()));
  const counts = (values: Record<string, bigint>): Map<string, bigint> => new Map(Object.entries(values));
  const sum = async (from: number, to: number): Promise<Record<string, bigint>> =>
    Object.fromEntries(await store.sum(from, to));

  it('adds up what replicas have counted, hour by hour', async () => {
    await store.keep(HOUR, 'a', counts({ misses: 3n, 'checked right team_1 a model': 1n }));
    await store.keep(HOUR, 'b', counts({ misses: 4n }));
    await store.keep(HOUR + 30, 'a', counts({ misses: 5n, saved: 9_000_000_000_000_000_000n }));
    expect(await sum(HOUR, HOUR)).toEqual({ misses: 7n, 'checked right team_1 a model': 1n });
    expect(await sum(HOUR - 100, HOUR + 60)).toEqual({
      misses: 12n,
      saved: 9_000_000_000_000_000_000n,
      'checked right team_1 a model': 1n,
    });
    expect(await sum(HOUR + 1, HOUR + 29)).toEqual({});
  });

  it('counts nothing twice that is said twice, and keeps what is not said again', async () => {
    await store.keep(HOUR, 'a', counts({ misses: 3n, stale: 1n }));
    await store.keep(HOUR, 'a', counts({ misses: 3n }));
    await store.keep(HOUR, 'a', counts({ misses: 8n }));
    await store.keep(HOUR, 'a', counts({}));
    expect(await sum(HOUR, HOUR)).toEqual({ misses: 8n, stale: 1n });
  });
}
