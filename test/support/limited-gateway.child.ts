import { readFileSync } from 'node:fs';
import type { WindowName } from '../../src/rate-limit/store/rate-limit.store';
import { RedisRateLimitStore } from '../../src/rate-limit/store/redis.rate-limit-store';
import { RedisWindowScript } from '../../src/rate-limit/store/redis.window-script';

/**
 * A whole gateway in a process of its own, in which a test sees many windows pass: those of teams are TEST_TEAM_WINDOW_MS long.
 * While the file TEST_CLOCK holds a number, the time of Redis is off by so many milliseconds.
 */
const windowMs = Number(process.env['TEST_TEAM_WINDOW_MS'] ?? 60_000);
const clockFile = process.env['TEST_CLOCK'] ?? '';

const shortened = <T extends WindowName>(window: T): T =>
  window.key.includes(':team:') ? { ...window, windowMs } : window;

const { prototype } = RedisRateLimitStore;
const { admit, usage } = prototype;
prototype.admit = function (this: RedisRateLimitStore, { counters, slots }) {
  return admit.call(this, { counters: counters.map(shortened), slots });
};
prototype.usage = function (this: RedisRateLimitStore, windows, slots) {
  return usage.call(this, windows.map(shortened), slots);
};

interface Clocked {
  readonly options: { nowMs?: (() => number) | undefined };
}

function offsetMs(): number | null {
  try {
    return Number(readFileSync(clockFile, 'utf8'));
  } catch {
    return null;
  }
}

const { run } = RedisWindowScript.prototype;
RedisWindowScript.prototype.run = function (this: RedisWindowScript, header, batch, onLate) {
  const offset = offsetMs();
  (this as unknown as Clocked).options.nowMs = offset === null ? undefined : () => Date.now() + offset;
  return run.call(this, header, batch, onLate);
};

require('../../src/main');
