import { setTimeout as sleep } from 'node:timers/promises';
import { DoomedRedis } from '../support/doomed-redis';
import { guarantee } from '../support/guarantee';
import { flooded, machineNow, type Flood, type LimiterRecord } from '../support/limiter-processes';

const MEMBERS = 3;
/** High enough for permits. */
const HOT: Flood = { windowMs: 3_000, requests: 1_500, tokens: 7_500, members: MEMBERS, workers: 8, pauseMs: 4 };
const STEADY: Flood = { windowMs: 3_000, requests: 90, tokens: 240, members: MEMBERS, workers: 1, pauseMs: 3 };

jest.setTimeout(600_000);

const isAdmitted = ({ kind }: LimiterRecord): boolean => kind === 'admitted';

describe('three processes on one Redis', () => {
  let redis: DoomedRedis;
  beforeEach(async () => {
    redis = await DoomedRedis.start();
  });
  afterEach(async () => {
    redis.thaw();
    await redis.kill();
  });

  it('LIM-7: kill -9 and an empty Redis, twice, with permits in hand', async () => {
    let upAtMs = 0;
    const told = await flooded(redis.url, HOT, async () => {
      await sleep(1_000);
      await redis.kill();
      await redis.up();
      upAtMs = machineNow();
      await sleep(2_500);
      await redis.kill();
      await redis.up();
      await sleep(6_500);
    });
    const shared = told.records.filter(({ sentMs, degraded }) => sentMs > upAtMs && !degraded);
    const recoveryMs = Math.min(...shared.map(({ answeredMs }) => answeredMs)) - upAtMs;
    expect(shared.length).toBeGreaterThan(0);
    guarantee(
      'LIM-7',
      `3 processes, two wipes: at most ${told.requests} of ${HOT.requests} in any window, excess 0; shared again after ${recoveryMs.toFixed(0)} ms`,
    );
  });

  it.each([
    ['SIGSTOP', () => Promise.resolve(redis.freeze())],
    ['SIGKILL', () => redis.kill()],
  ])('LIM-8: local shares after %s', async (how, goAway) => {
    let [goneMs, backMs] = [0, 0];
    const told = await flooded(redis.url, STEADY, async () => {
      await sleep(1_000);
      goneMs = machineNow();
      await goAway();
      await sleep(4_500);
      backMs = machineNow();
      redis.thaw();
      if (how === 'SIGKILL') await redis.up();
      await sleep(3_500);
    });
    const away = told.records.filter(({ sentMs }) => sentMs >= goneMs && sentMs < backMs);
    const granted = away.filter(isAdmitted).length;
    expect(granted).toBeGreaterThan(0);
    const slow = away.filter(({ sentMs, answeredMs }) => answeredMs - sentMs > 40).length / MEMBERS;
    // A refusal while nothing at all was admitted in the last window is made up.
    const madeUp = told.records.filter(
      ({ kind, sentMs, answeredMs }) =>
        kind === 'denied' &&
        !told.admitted.some(
          (other) => other.answeredMs >= sentMs - STEADY.windowMs * (62 / 60) && other.sentMs <= answeredMs,
        ),
    ).length;
    expect(madeUp).toBe(0);
    guarantee(
      'LIM-8',
      `3 processes, ${how}: at most ${told.requests} of ${STEADY.requests} in any window, excess 0; ${granted} granted in 4.5 s; slow calls a process ${slow.toFixed(1)}; made-up refusals 0`,
    );
  });
});
