import fc from 'fast-check';
import { MetricsRegistry } from '../platform/metrics/metrics';
import type { CacheOutcomes } from './cache-outcomes';
import { CacheMetrics } from './cache.metrics';
import { HourlyCounts } from './hourly-counts';
import { fromNamed, toNamed } from './named-counts';
import type { PrecisionRow } from './shadow-sampling';
import { countStoreContract } from './store/count-store.contract';
import { HOUR_MS, KEPT_HOURS } from './store/count.store';
import { MemoryCountStore } from './store/memory.count-store';

describe('MemoryCountStore', () => {
  countStoreContract(() => new MemoryCountStore());

  it('forgets what is older than a week', async () => {
    const store = new MemoryCountStore();
    for (let hour = 1; hour <= KEPT_HOURS + 50; hour += 1) await store.keep(hour, 'a', new Map([['misses', 1n]]));
    expect((await store.sum(0, 1_000)).get('misses')).toBe(BigInt(KEPT_HOURS + 1));
  });
});

/** A store that others write to as well. */
class SharedCountStore extends MemoryCountStore {
  override readonly isShared = true;
  isAway = false;

  override keep(...all: Parameters<MemoryCountStore['keep']>): Promise<void> {
    return this.isAway ? Promise.reject(new Error('away')) : super.keep(...all);
  }
}

describe('what all replicas have counted', () => {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  let store: SharedCountStore;
  beforeEach(() => {
    now = 1_000 * HOUR_MS + 5;
    store = new SharedCountStore();
  });
  const replica = (): { metrics: CacheMetrics; rows: PrecisionRow[]; counts: HourlyCounts } => {
    const metrics = new CacheMetrics(new MetricsRegistry());
    const rows: PrecisionRow[] = [];
    const outcomes = { metrics, shadow: { rows }, sinceMs: now } as unknown as CacheOutcomes;
    return { metrics, rows, counts: new HourlyCounts(outcomes, store, clock) };
  };

  it('is the sum of what each has, at once of its own and of others once they have said it', async () => {
    const [one, other] = [replica(), replica()];
    one.metrics.hit('semantic', 5n);
    one.metrics.miss();
    other.metrics.hit('semantic', 7n);
    other.metrics.judged('same');
    other.metrics.spend('judge', 3n);
    other.rows.push({ teamId: 'team_1', model: 'a model', right: 2, wrong: 1, unsure: 0 });
    await other.counts.last(1);
    const { counts, checked, sinceMs } = await one.counts.last(1);
    expect(counts).toMatchObject({ misses: 1, savedNanoUsd: 12n, judged: { same: 1 } });
    expect([counts.hits.semantic, counts.spentNanoUsd.judge, sinceMs]).toEqual([2, 3n, 1_000 * HOUR_MS]);
    expect(checked).toEqual([{ teamId: 'team_1', model: 'a model', right: 2, wrong: 1, unsure: 0 }]);
  });

  it('is told by the hour, and each count is in one hour only', async () => {
    const { metrics, counts } = replica();
    const misses = async (hours: number): Promise<number> => (await counts.last(hours)).counts.misses;
    metrics.miss();
    expect(await misses(1)).toBe(1);
    now += HOUR_MS;
    expect([await misses(1), await misses(2)]).toEqual([0, 1]);
    metrics.miss();
    metrics.miss();
    expect(await Promise.all([misses(1), misses(2), misses(1)])).toEqual([2, 3, 2]);
    now += 3 * HOUR_MS;
    expect([await misses(3), await misses(4), await misses(5)]).toEqual([0, 2, 3]);
  });

  it('is not lost while the store is away', async () => {
    const { metrics, counts } = replica();
    metrics.miss();
    store.isAway = true;
    await expect(counts.last(1)).rejects.toThrow('away');
    now += 2 * HOUR_MS;
    metrics.miss();
    await counts.beforeApplicationShutdown();
    store.isAway = false;
    await counts.beforeApplicationShutdown();
    expect((await counts.last(KEPT_HOURS)).counts.misses).toBe(2);
  });

  it('has every count under a name that leads back to it', () => {
    const number = fc.nat(1e9);
    const money = fc.bigInt({ min: 0n, max: 10n ** 18n });
    const counts = fc.record({
      hits: fc.record({ exact: number, canonical: number, coalesced: number, alias: number, semantic: number }),
      misses: number,
      bypasses: number,
      stale: number,
      right: number,
      wrong: number,
      savedNanoUsd: money,
      spentNanoUsd: fc.record({ embeddings: money, shadow: money, judge: money }),
      judged: fc.dictionary(fc.constantFrom('same', 'different', 'other_answer'), number, { noNullPrototype: true }),
    });
    const row = fc.record({
      teamId: fc.constantFrom('team_1', 'other'),
      model: fc.string(),
      right: number,
      wrong: number,
      unsure: number,
    });
    const checked = fc.uniqueArray(row, { selector: ({ teamId, model }) => `${teamId} ${model}`, maxLength: 4 });
    fc.assert(
      fc.property(fc.record({ counts, checked }), (counted) => {
        expect(fromNamed(toNamed(counted))).toEqual(counted);
      }),
    );
  });
});
