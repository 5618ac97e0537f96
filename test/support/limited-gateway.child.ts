import { readFileSync } from 'node:fs';
import type { WindowName } from '../../src/rate-limit/store/rate-limit.store';
import { RedisRateLimitStore } from '../../src/rate-limit/store/redis.rate-limit-store';
import { RedisWindowScript } from '../../src/rate-limit/store/redis.window-script';

/**
 * A whole gateway in a process of its own, with windows as long as a test has time for: TEST_WINDOWS has milliseconds by scope.
 * While the file TEST_CLOCK holds a number, the time of Redis is off by so many milliseconds. Prints a line for every call that
 * Redis did not answer in time.
 */
const windows = JSON.parse(process.env['TEST_WINDOWS'] ?? '{}') as Readonly<Record<string, number>>;
const clockFile = process.env['TEST_CLOCK'] ?? '';

function resized<T extends WindowName>(window: T): T {
  const [, scope = ''] = window.key.split(':');
  return { ...window, windowMs: windows[scope] ?? window.windowMs };
}

const { admit, usage } = RedisRateLimitStore.prototype;
RedisRateLimitStore.prototype.admit = function (this: RedisRateLimitStore, { counters, slots }) {
  return admit.call(this, { counters: counters.map(resized), slots });
};
RedisRateLimitStore.prototype.usage = function (this: RedisRateLimitStore, names, slots) {
  return usage.call(this, names.map(resized), slots);
};

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
  const { options } = this as unknown as { options: { nowMs?: (() => number) | undefined } };
  options.nowMs = offset === null ? undefined : () => Date.now() + offset;
  const reply = run.call(this, header, batch, onLate);
  reply.catch(() => process.stdout.write('unanswered by Redis\n'));
  return reply;
};

require('../../src/main');
