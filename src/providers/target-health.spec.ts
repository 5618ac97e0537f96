import { UpstreamError, type UpstreamFailure } from '../core/errors';
import { NO_USAGE } from '../core/tokens';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { RoutingConfig } from './routing.config';
import { TargetHealth } from './target-health';

class ManualClock extends Clock {
  atMs = 0;

  override now(): number {
    return Date.UTC(2026, 10, 23) + this.atMs;
  }

  override monotonic(): number {
    return this.atMs;
  }
}

class Defaults extends LiveConfig {
  override readonly version = '1';

  override section<T extends object>(): T {
    return new RoutingConfig() as unknown as T;
  }

  override onReload(): () => void {
    return () => undefined;
  }
}

const target = (provider: string, quotaDomain = `${provider}/m`) => ({ provider, model: 'm', quotaDomain });
const error = (failure: UpstreamFailure, reason: string, retryAfterMs?: number) =>
  new UpstreamError('a', failure, 'failed', { reason, retryAfterMs });

function setUp() {
  const clock = new ManualClock();
  const health = new TargetHealth(clock, new Defaults());
  const fail = (failure: UpstreamFailure, reason: string, times = 1, isCallersBound = false) => {
    for (let index = 0; index < times; index += 1) health.begin(a).failed(error(failure, reason), isCallersBound);
  };
  const a = target('a');
  return { clock, health, fail, a, kind: (of = a) => health.check(of, 10).kind };
}

describe('TargetHealth', () => {
  it.each([
    ['unavailable', 'http_500', 'open'],
    ['timeout', 'first_byte_timeout', 'open'],
    ['misconfigured', 'http_401', 'open'],
    ['rejected', 'http_400', 'usable'],
    ['rate_limited', 'request_too_large', 'usable'],
    ['rate_limited', 'http_429', 'chosen'],
    ['cancelled', 'cancelled', 'usable'],
    ['unavailable', 'saturated', 'usable'],
  ] as const)('after many of %s (%s) it is %s', (failure, reason, expected) => {
    const { fail, kind } = setUp();
    fail(failure, reason, 30);
    expect(kind()).toBe(expected);
  });

  it('running out of the caller’s own time is not the provider’s fault', () => {
    const { fail, kind } = setUp();
    fail('timeout', 'total_timeout', 30, true);
    expect(kind()).toBe('usable');
    fail('timeout', 'total_timeout', 5, false);
    expect(kind()).toBe('open');
  });

  it('a wait that was asked for holds to the millisecond, for the whole domain, whatever succeeds meanwhile', () => {
    const { clock, health, kind } = setUp();
    const [one, other] = [target('x', 'domain org'), target('y', 'domain org')];
    const running = health.begin(other);
    health.begin(one).failed(error('rate_limited', 'http_429', 7000), false);
    running.succeeded(null);
    clock.atMs = 6999;
    expect([kind(one), kind(other), kind(target('z'))]).toEqual(['asked', 'asked', 'usable']);
    clock.atMs = 7000;
    expect([kind(one), kind(other)]).toEqual(['usable', 'usable']);
  });

  it('a 429 without a wait doubles its cooldown until a success ends it', () => {
    const { clock, health, fail, kind, a } = setUp();
    const cooldowns: number[] = [];
    for (let index = 0; index < 8; index += 1) {
      fail('rate_limited', 'http_429');
      cooldowns.push(health.status(a).cooldown?.endsInMs ?? 0);
      clock.atMs += 60_000;
    }
    expect(cooldowns).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    fail('rate_limited', 'http_429');
    health.begin(a).succeeded(null);
    expect(kind()).toBe('usable');
    fail('rate_limited', 'http_429');
    expect(health.status(a).cooldown?.endsInMs).toBe(1000);
  });

  it('lets three calls try a half-open target, and counts one verdict a call', () => {
    const { clock, health, fail, kind, a } = setUp();
    fail('unavailable', 'http_500', 5);
    clock.atMs = 30_000;
    const probes = [health.begin(a), health.begin(a), health.begin(a)];
    expect(kind()).toBe('open');
    probes[0]?.dropped();
    expect(kind()).toBe('usable');
    // The place was given back once; saying it again gives no second one.
    probes[0]?.failed(error('unavailable', 'http_500'), false);
    health.begin(a).succeeded(NO_USAGE);
    probes[1]?.succeeded(null);
    probes[2]?.succeeded(null);
    expect(health.status(a)).toMatchObject({ breaker: 'closed' });
  });

  it('learns the quota from the headers of an answer and believes it until the reset', () => {
    const { clock, health, kind, a } = setUp();
    const ticket = health.begin(a);
    ticket.learn({ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '2s' });
    ticket.succeeded(null);
    expect(health.check(a, 10)).toEqual({ kind: 'chosen', why: 'quota_used_up', untilMs: 2000 });
    clock.atMs = 2000;
    expect(kind()).toBe('usable');
  });

  it('measures the first byte, and forgets a provider on demand', () => {
    const { clock, health, fail, kind, a } = setUp();
    const ticket = health.begin(a);
    clock.atMs = 300;
    expect(ticket.firstContent()).toBe(300);
    clock.atMs = 1300;
    ticket.succeeded({ ...NO_USAGE, outputTokens: 100 });
    expect(health.status(a)).toMatchObject({ firstByteMs: 300, perTokenMs: 10 });
    fail('unavailable', 'http_500', 5);
    expect(kind()).toBe('open');
    health.forget('a');
    expect([kind(), health.expectedMs(a, 100), health.statuses().length]).toEqual(['usable', 0, 0]);
  });
});
