import { setTimeout as sleep } from 'node:timers/promises';
import { DoomedRedis } from '../support/doomed-redis';
import { guarantee } from '../support/guarantee';
import { flooded, type Flood } from '../support/limiter-processes';

const MEMBERS = 3;
/** High enough for permits. */
const HOT: Flood = { windowMs: 3_000, requests: 1_500, tokens: 7_500, members: MEMBERS, workers: 8, pauseMs: 4 };

jest.setTimeout(120_000);

describe('three processes on one Redis', () => {
  let redis: DoomedRedis;
  beforeEach(async () => {
    redis = await DoomedRedis.start();
  });
  afterEach(async () => {
    await redis.kill();
  });

  it('LIM-1 LIM-2: a flood from all of them, hot enough for permits', async () => {
    const told = await flooded(redis.url, HOT, () => sleep(5_000));
    const byPermit = told.admitted.filter(({ isByPermit }) => isByPermit).length;
    expect(byPermit).toBeGreaterThan(0);
    expect(told.requests).toBeGreaterThan(HOT.requests / 2);
    const share = ((100 * byPermit) / told.admitted.length).toFixed(0);
    guarantee(
      'LIM-1',
      `3 processes, ${told.records.length} calls, at most ${told.requests} of ${HOT.requests} in any window, excess 0 (${share} % by permit)`,
    );
    guarantee('LIM-2', `3 processes, at most ${told.tokens} of ${HOT.tokens} tokens in any window, excess 0`);
  });
});
