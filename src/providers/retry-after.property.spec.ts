import { guarantee } from '../../test/support/guarantee';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { nextStep, type Hop } from './chain';
import { RoutingConfig } from './routing.config';
import { Random } from './simulator/server/random';
import { TargetHealth } from './target-health';
import { httpError } from './upstream/http-error';

class ManualClock extends Clock {
  atMs = 0;
  override now = (): number => Date.UTC(2026, 10, 23) + this.atMs;
  override monotonic = (): number => this.atMs;
}

class RoutingOnly extends LiveConfig {
  override readonly version = '1';
  override section<T extends object>(): T {
    return new RoutingConfig() as unknown as T;
  }
  override onReload = (): (() => void) => () => undefined;
}

interface Asked {
  readonly headers: Record<string, string>;
  /** What the header means, worked out without the code under test; 0: nothing. */
  readonly waitMs: number;
}

const DAY_MS = 86_400_000;

/** Every way a provider has been seen to ask for a wait, and some in which it should not. */
function askFor(random: () => number, nowMs: number): Asked {
  const seconds = Math.floor(random() ** 3 * 90);
  const wholeSecond = Math.floor(nowMs / 1000) * 1000;
  const at = wholeSecond + seconds * 1000;
  const cases: Asked[] = [
    { headers: { 'retry-after': String(seconds) }, waitMs: seconds * 1000 },
    { headers: { 'retry-after': `${seconds}.5` }, waitMs: seconds * 1000 + 500 },
    { headers: { 'retry-after-ms': String(seconds * 100) }, waitMs: seconds * 100 },
    { headers: { 'retry-after-ms': String(seconds * 10), 'retry-after': '60' }, waitMs: seconds * 10 },
    { headers: { 'retry-after': new Date(at).toUTCString() }, waitMs: Math.max(0, at - nowMs) },
    { headers: { 'retry-after': new Date(wholeSecond - 60_000).toUTCString() }, waitMs: 0 },
    { headers: { 'retry-after': '-7' }, waitMs: 0 },
    { headers: { 'retry-after': 'soon' }, waitMs: 0 },
    { headers: { 'retry-after': '1e3' }, waitMs: 0 },
    { headers: { 'retry-after': '' }, waitMs: 0 },
    { headers: { 'retry-after-ms': 'junk', 'retry-after': String(seconds) }, waitMs: seconds * 1000 },
    { headers: { 'retry-after': '9'.repeat(30) }, waitMs: DAY_MS },
    { headers: {}, waitMs: 0 },
  ];
  return cases[Math.floor(random() * cases.length)]!;
}

const TRACES = 1_000;
const STEPS = 60;

interface Told {
  calls: number;
  waits: number;
  early: number;
}

/** Requests one after the other to two targets of one quota each, which ask for waits of every kind. */
function runTrace(seed: number, told: Told): void {
  const chance = new Random(seed);
  const random = (): number => chance.next();
  const clock = new ManualClock();
  // A date is told apart from now by the wall clock, which `httpError` reads itself.
  jest.spyOn(Date, 'now').mockImplementation(() => clock.now());
  const health = new TargetHealth(clock, new RoutingOnly());
  const targets = ['a', 'b'].map((provider) => ({ provider, model: 'm', quotaDomain: provider }));
  const heldUntilMs = new Map<string, number>();
  const hopsOf = (): (Hop & { target: (typeof targets)[number] })[] =>
    targets.map((target) => ({ target, calls: 0, readyAtMs: 0, isDone: false }));
  let hops = hopsOf();
  for (let step = 0; step < STEPS; step += 1) {
    const rules = { nowMs: clock.atMs, retries: 2, maxWaitMs: 5_000, mayRepeat: true };
    const next = nextStep(hops, ({ target }) => health.check(target, 1), rules);
    if (next.kind === 'stop') {
      hops = hopsOf();
      clock.atMs += Math.ceil(random() * 20_000);
      continue;
    }
    if (next.kind === 'wait') {
      clock.atMs = Math.max(clock.atMs, next.untilMs);
      continue;
    }
    const { target } = next.hop;
    if (clock.atMs < (heldUntilMs.get(target.provider) ?? 0)) told.early += 1;
    told.calls += 1;
    next.hop.calls += 1;
    const ticket = health.begin(target);
    clock.atMs += Math.ceil(random() * 300);
    if (random() < 0.3) {
      ticket.succeeded(null);
      hops = hopsOf();
      continue;
    }
    const status = [429, 503, 500, 529][Math.floor(random() * 4)]!;
    const { headers, waitMs } = askFor(random, clock.now());
    const error = httpError(target.provider, 'openai', { status, headers }, Buffer.from('{"error":{"message":"x"}}'));
    ticket.failed(error, false);
    next.hop.readyAtMs = clock.atMs + (error.retryAfterMs ?? random() * 250);
    if (waitMs > 0) told.waits += 1;
    heldUntilMs.set(target.provider, Math.max(clock.atMs + waitMs, heldUntilMs.get(target.provider) ?? 0));
  }
}

describe('Retry-After (UPS-4)', () => {
  it('is honoured to the millisecond, whatever a provider writes there', () => {
    const told: Told = { calls: 0, waits: 0, early: 0 };
    for (let seed = 1; seed <= TRACES; seed += 1) runTrace(seed, told);
    jest.restoreAllMocks();
    expect(told.early).toBe(0);
    expect(told.waits).toBeGreaterThan(TRACES);
    guarantee('UPS-4', `${TRACES} traces, ${told.calls} calls, ${told.waits} waits asked, ${told.early} early`, 1);
  });
});
