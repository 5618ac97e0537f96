import { Redis } from 'ioredis';
import { ScriptReplay, WINDOW_SCRIPT } from '../support/script-replay';

const SEED = 23;
const EVENTS = 12_000;

/** Mistakes that a change of the script could make. */
const MISTAKES: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'a window of one part too few': ['local lo = b - SUB\n', 'local lo = b - SUB + 1\n'],
  'one more than the limit': ['w.sum + cost > limit then', 'w.sum + cost > limit + 1 then'],
  'one less than the limit': ['w.sum + cost > limit then', 'w.sum + cost >= limit then'],
  'nothing is given back': ['if delta == 0 then return end', 'if delta <= 0 then return end'],
  'what has left the window still counts': ['sum = sum - tonumber(counts[x])', 'sum = sum - 0'],
};

describe('the script of the windows against the exact log', () => {
  let redis: Redis;
  beforeAll(() => {
    redis = new Redis(process.env['TEST_REDIS_URL'] ?? '');
  });
  afterAll(() => redis.disconnect());

  it('LIM-1: decides as the log does', async () => {
    const told = await new ScriptReplay(redis, SEED).run(EVENTS);
    expect(told.contradictions).toEqual([]);
    expect(told.events).toBeGreaterThanOrEqual(EVENTS);
    expect(told.mostPart).toBe(1);
    expect(told.admitted).toBeGreaterThan(EVENTS / 10);
    expect(told.admitted).toBeLessThan(told.events);
    expect(told.settled).toBeGreaterThan(100);
  });

  it.each(Object.entries(MISTAKES))('the log finds a mistake: %s', async (_, [from, to]) => {
    const mistaken = WINDOW_SCRIPT.replace(from, to);
    expect(mistaken).not.toBe(WINDOW_SCRIPT);
    const { contradictions } = await new ScriptReplay(redis, SEED, mistaken).run(EVENTS);
    expect(contradictions).not.toEqual([]);
  });
});
