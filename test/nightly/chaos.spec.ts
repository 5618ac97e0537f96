import { chaosFigure, chaosRun } from '../support/chaos-run';
import { guarantee } from '../support/guarantee';

jest.setTimeout(600_000);

const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 120);

it('two minutes of 100 requests a second over providers that fail, hang and limit in turn', async () => {
  const result = await chaosRun(SECONDS * 1000, 100);
  expect(result.errors).toEqual([]);
  expect(result.early).toBe(0);
  expect(result.waitsAsked).toBeGreaterThan(0);
  expect(result.amplification).toBeLessThanOrEqual(1.2);
  guarantee('UPS-5', `${chaosFigure(result)}, ${SECONDS} s`);
});
