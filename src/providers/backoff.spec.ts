import fc from 'fast-check';
import { fullJitterMs, pauseFor } from './backoff';

describe('fullJitterMs', () => {
  it('draws from a range that doubles up to 8 s', () => {
    const almostOne = () => 0.999_999;
    expect([1, 2, 3, 6, 40].map((failures) => Math.round(fullJitterMs(failures, almostOne)))).toEqual([
      250, 500, 1000, 8000, 8000,
    ]);
    expect(fullJitterMs(5, () => 0)).toBe(0);
  });

  it('is never negative nor above the cap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (n, chance) => {
        const waitMs = fullJitterMs(n, () => chance);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThan(8000);
      }),
    );
  });
});

describe('pauseFor', () => {
  it('ends at once when the client has gone, before or while it waits', async () => {
    const controller = new AbortController();
    const waiting = pauseFor(3_600_000, controller.signal);
    controller.abort();
    await waiting;
    await pauseFor(3_600_000, controller.signal);
  });
});
