import { Redis } from 'ioredis';
import { guarantee } from '../support/guarantee';
import { ScriptReplay } from '../support/script-replay';

const EVENTS = Number(process.env['LIMITER_EVENTS'] ?? 1_000_000);

jest.setTimeout(3_600_000);

it('LIM-1: the script decides a million calls as the exact log does', async () => {
  const seed = Number(process.env['LIMITER_SEED'] ?? Date.now() % 1_000_000_000);
  process.stderr.write(`seed ${seed}\n`);
  const redis = new Redis(process.env['TEST_REDIS_URL'] ?? '');
  try {
    const told = await new ScriptReplay(redis, seed).run(EVENTS);
    expect(told.contradictions).toEqual([]);
    expect(told.events).toBeGreaterThanOrEqual(EVENTS);
    expect(told.mostPart).toBe(1);
    const { events, admitted, settled } = told;
    guarantee('LIM-1', `script on Redis, ${events} calls, ${admitted} admitted, ${settled} corrected: excess 0`, seed);
  } finally {
    redis.disconnect();
  }
});
