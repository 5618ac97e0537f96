import { AggregatorRegistry, Counter, Histogram, Registry } from 'prom-client';
import fc from 'fast-check';
import { SeriesCounter, SeriesHistogram } from './series';

const BUCKETS = [0.1, 1, 10];

describe('series', () => {
  it('are exposed as prom-client exposes its own', async () => {
    const value = fc.oneof(fc.constantFrom(...BUCKETS), fc.double({ min: 0, max: 20, noNaN: true }));
    const observations = fc.array(fc.tuple(fc.constantFrom('a', 'b"\n'), value), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(observations, async (all) => {
        const [ours, theirs] = [new Registry(), new Registry()];
        const counter = new SeriesCounter({ name: 'calls_total', help: 'Calls.', registry: ours });
        const histogram = new SeriesHistogram({ name: 'took', help: 'Time.', registry: ours, buckets: BUCKETS });
        const theirCounter = new Counter({
          name: 'calls_total',
          help: 'Calls.',
          labelNames: ['to'],
          registers: [theirs],
        });
        const theirHistogram = new Histogram({
          name: 'took',
          help: 'Time.',
          labelNames: ['to'],
          buckets: BUCKETS,
          registers: [theirs],
        });
        const series = new Map(
          [...new Set(all.map(([to]) => to))].map((to) => [
            to,
            [counter.open({ to }), histogram.open({ to })] as const,
          ]),
        );
        for (const [to, seconds] of all) {
          const [calls, took] = series.get(to)!;
          calls.inc(seconds);
          took.observe(seconds);
          theirCounter.inc({ to }, seconds);
          theirHistogram.observe({ to }, seconds);
        }
        expect(await ours.metrics()).toBe(await theirs.metrics());
      }),
      { numRuns: 100 },
    );
  });

  it('can be summed over processes', async () => {
    const registries = [1, 2].map((amount) => {
      const registry = new Registry();
      new SeriesCounter({ name: 'calls_total', help: 'Calls.', registry }).open({ to: 'a' }).inc(amount);
      return registry;
    });
    const all = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
    expect(await AggregatorRegistry.aggregate(all).metrics()).toContain('calls_total{to="a"} 3');
  });
});
