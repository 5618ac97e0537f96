import { chaosFigure, chaosRun } from '../support/chaos-run';
import { guarantee } from '../support/guarantee';

jest.setTimeout(180_000);

/** The long run is in test/nightly. */
it('three providers that fail, hang and limit in turn: nobody sees an error, nobody is called too early', async () => {
  const result = await chaosRun(10_000, 100);
  expect(result.errors).toEqual([]);
  expect(result.early).toBe(0);
  expect(result.waitsAsked).toBeGreaterThan(0);
  expect(result.amplification).toBeGreaterThan(1);
  expect(result.amplification).toBeLessThanOrEqual(1.2);
  guarantee('UPS-5', chaosFigure(result));
});
