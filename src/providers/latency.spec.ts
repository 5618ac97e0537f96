import fc from 'fast-check';
import { NO_USAGE } from '../core/tokens';
import { expectedMs, measured, UNMEASURED, type Latency } from './latency';

const usage = (outputTokens: number) => ({ ...NO_USAGE, outputTokens });
const stream = (firstByteMs: number, totalMs: number, tokens: number) => ({
  firstByteMs,
  totalMs,
  usage: usage(tokens),
});

describe('latency', () => {
  it('tells the first byte and the time of a token apart', () => {
    const latency = measured(UNMEASURED, stream(300, 2300, 100), 0);
    expect(expectedMs(latency, 0, 0)).toBe(300);
    expect(expectedMs(latency, 100, 0)).toBe(2300);
  });

  it('a slow answer counts at once, a fast one slowly', () => {
    const fast = measured(UNMEASURED, stream(100, 100, 0), 0);
    const slow = measured(fast, stream(900, 900, 0), 1000);
    expect(expectedMs(slow, 0, 1000)).toBe(900);
    const recovering = expectedMs(measured(slow, stream(100, 100, 0), 2000), 0, 2000);
    expect(recovering).toBeGreaterThan(700);
    expect(recovering).toBeLessThan(900);
  });

  it('what is not measured any more is forgotten, and an unmeasured target comes first', () => {
    const slow = measured(UNMEASURED, stream(1000, 1000, 0), 0);
    expect(expectedMs(slow, 0, 600_000)).toBeLessThan(1);
    expect(expectedMs(UNMEASURED, 200, 0)).toBe(0);
  });

  it('takes the writing of a JSON answer out of its time when the time of a token is known', () => {
    const streamed = measured(UNMEASURED, stream(500, 1500, 100), 0);
    const both = measured(streamed, { firstByteMs: null, totalMs: 1600, usage: usage(100) }, 0);
    expect(expectedMs(both, 0, 0)).toBe(600);
    const json = measured(UNMEASURED, { firstByteMs: null, totalMs: 700, usage: usage(50) }, 0);
    expect(expectedMs(json, 0, 0)).toBe(700);
  });

  it('stays between the least and the greatest sample', () => {
    const sample = fc.record({ ms: fc.integer({ min: 1, max: 60_000 }), gapMs: fc.nat(20_000) });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 50 }), (samples) => {
        let latency: Latency = UNMEASURED;
        let nowMs = 0;
        for (const { ms, gapMs } of samples) {
          nowMs += gapMs;
          latency = measured(latency, stream(ms, ms, 0), nowMs);
        }
        const values = samples.map(({ ms }) => ms);
        expect(expectedMs(latency, 0, nowMs)).toBeGreaterThanOrEqual(Math.min(...values) - 1e-6);
        expect(expectedMs(latency, 0, nowMs)).toBeLessThanOrEqual(Math.max(...values));
      }),
    );
  });
});
