import fc from 'fast-check';
import { MemoryRateLimitStore } from './memory.rate-limit-store';
import { ShareWindow } from './share-window';
import { bucketOf, WindowRing } from './window-ring';

const WINDOW_MS = 60_000;
const EVENTS = Number(process.env['LIMITER_EVENTS'] ?? 60_000);

interface Consumed {
  readonly at: number;
  cost: number;
}

/** The most that any window (t - windowMs, t] holds: the definition, by two pointers over the exact log. */
function mostInAnyWindow(log: readonly Consumed[], windowMs: number): number {
  let most = 0;
  let sum = 0;
  let first = 0;
  for (const { at, cost } of log) {
    while (log[first]!.at <= at - windowMs) sum -= log[first++]!.cost;
    sum += cost;
    most = Math.max(most, sum);
  }
  return most;
}

const pause = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 8_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1, WINDOW_MS + 1_000) },
);

describe('sliding windows against the exact log', () => {
  it('never admit more than the limit in any window, lose next to nothing to it, and tell true waits', async () => {
    let events = 0;
    let excess = 0;
    const admitted = { ring: 0, log: 0 };
    let [denials, trueWaits, earlyWaits] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 10 * WINDOW_MS }),
        fc.array(pause, { minLength: 400, maxLength: 800, size: 'max' }),
        async (limit, start, pauses) => {
          let now = start;
          const store = new MemoryRateLimitStore(() => now);
          const ask = () => store.admit({ counters: [{ key: 'k', windowMs: WINDOW_MS, limit, cost: 1 }], slots: [] });
          const log: Consumed[] = [];
          const exact: number[] = [];
          for (const milliseconds of pauses) {
            now += milliseconds;
            events += 1;
            while (exact.length > 0 && exact[0]! <= now - WINDOW_MS) exact.shift();
            if (exact.length < limit) {
              exact.push(now);
              admitted.log += 1;
            }
            const result = await ask();
            if (result.kind === 'admitted') {
              log.push({ at: now, cost: 1 });
              admitted.ring += 1;
              continue;
            }
            if (result.kind !== 'denied') throw new Error(result.kind);
            if (denials++ % 7 !== 0) continue;
            // Nobody else asks meanwhile: the wait must be enough, and one millisecond less must not be.
            now += result.retryAfterMs - 1;
            if ((await ask()).kind === 'admitted') earlyWaits += 1;
            now += 1;
            if ((await ask()).kind === 'admitted') {
              trueWaits += 1;
              log.push({ at: now, cost: 1 });
            }
            // The comparison with the log ends where the trace is bent.
            exact.length = 0;
            exact.push(...log.filter(({ at }) => at > now - WINDOW_MS).map(({ at }) => at));
          }
          excess = Math.max(excess, mostInAnyWindow(log, WINDOW_MS) - limit);
        },
      ),
      { numRuns: Math.ceil(EVENTS / 600) },
    );
    const waits = Math.ceil(denials / 7);
    process.stdout.write(
      `LIM-1 LIM-4 in process: ${events} calls, excess ${Math.max(0, excess)}; ${trueWaits} of ${waits} waits true, ${earlyWaits} too long by a millisecond; admitted ${((100 * admitted.ring) / admitted.log).toFixed(1)} % of the exact log\n`,
    );
    expect(events).toBeGreaterThan(EVENTS / 2);
    expect(excess).toBeLessThanOrEqual(0);
    expect(trueWaits).toBe(waits);
    expect(earlyWaits).toBe(0);
    expect(admitted.ring / admitted.log).toBeGreaterThan(0.97);
  });

  it('keep to the limit of tokens, whatever settlements do, and denied calls leave no trace', async () => {
    let most = 0;
    const step = fc.record({
      pause,
      cost: fc.integer({ min: 1, max: 1_000_000 }),
      used: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5_000_000 }),
        fc.array(step, { minLength: 50, maxLength: 300, size: 'max' }),
        async (limit, steps) => {
          let now = 0;
          const store = new MemoryRateLimitStore(() => now);
          const log: Consumed[] = [];
          const usage = async () => (await store.usage([{ key: 't', windowMs: WINDOW_MS }], [])).windows[0]!.used;
          for (const { pause, cost, used } of steps) {
            now += pause;
            const before = await usage();
            const result = await store.admit({ counters: [{ key: 't', windowMs: WINDOW_MS, limit, cost }], slots: [] });
            if (result.kind !== 'admitted') {
              expect(await usage()).toBe(before);
              continue;
            }
            const entry = { at: now, cost };
            log.push(entry);
            most = Math.max(most, mostInAnyWindow(log, WINDOW_MS) / limit);
            // Less than reserved, as with a provider that keeps to max_tokens.
            entry.cost = Math.floor(cost * used);
            store.settle(result.receipt, [entry.cost - cost]);
          }
          expect(mostInAnyWindow(log, WINDOW_MS)).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 150 },
    );
    process.stdout.write(`LIM-2 LIM-5 in process: reserved tokens at most ${(100 * most).toFixed(2)} % of the limit\n`);
    expect(most).toBeLessThanOrEqual(1);
  });

  it('never admit too much when the clock jumps back, by whatever it likes', async () => {
    const jump = fc.oneof(pause, fc.integer({ min: -300_000, max: 0 }));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.array(jump, { maxLength: 300, size: 'max' }),
        async (limit, jumps) => {
          let [shown, real] = [0, 0];
          const store = new MemoryRateLimitStore(() => shown);
          const log: Consumed[] = [];
          for (const milliseconds of jumps) {
            // What the clock loses has not passed: real time goes on with forward steps only.
            shown += milliseconds;
            real += Math.max(0, milliseconds);
            const result = await store.admit({
              counters: [{ key: 'k', windowMs: WINDOW_MS, limit, cost: 1 }],
              slots: [],
            });
            if (result.kind === 'admitted') log.push({ at: real, cost: 1 });
          }
          expect(mostInAnyWindow(log, WINDOW_MS)).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });

  it('keep the sum of a ring equal to the sum of its parts', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 3_000 }),
            fc.integer({ min: -50, max: 100 }),
            fc.integer({ min: 0, max: 62 }),
          ),
        ),
        (steps) => {
          const ring = new WindowRing(WINDOW_MS);
          const model = new Map<number, number>();
          let now = 200_000;
          for (const [pause, cost, back] of steps) {
            now += pause;
            const bucket = bucketOf(now, WINDOW_MS) - back;
            const known = model.get(bucket) ?? 0;
            if (back <= 60) model.set(bucket, Math.max(0, known + cost));
            ring.adjust(bucket, cost, now);
            const oldest = bucketOf(now, WINDOW_MS) - 60;
            let expected = 0;
            for (const [at, count] of model) if (at >= oldest) expected += count;
            expect(ring.sum(now)).toBe(expected);
          }
        },
      ),
    );
  });
});

describe('shares of replicas without a store', () => {
  it('together never exceed the limit, also in windows that reach back before the store went away', () => {
    const step = fc.record({ pause, replica: fc.nat(), cost: fc.integer({ min: 1, max: 10 }) });
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 200 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 100, size: 'max' }),
        fc.array(step, { maxLength: 300, size: 'max' }),
        (limit, replicas, before, after) => {
          let now = 0;
          const shared = new WindowRing(WINDOW_MS);
          const shares = Array.from({ length: replicas }, () => new ShareWindow(WINDOW_MS));
          const log: Consumed[] = [];
          for (const { pause, replica, cost } of before) {
            now += pause;
            const isAdmitted = shared.sum(now) + cost <= limit;
            if (isAdmitted) {
              shared.add(bucketOf(now, WINDOW_MS), cost);
              shares[replica % replicas]!.own.add(bucketOf(now, WINDOW_MS), cost);
              log.push({ at: now, cost });
            }
            // Every replica has asked lately, so it knows what the window held.
            for (const share of shares) share.observe(shared.sum(now), now);
          }
          for (const { pause, replica, cost } of after) {
            now += pause;
            const share = shares[replica % replicas]!;
            if (share.room(limit, replicas, now) < cost) continue;
            share.own.add(bucketOf(now, WINDOW_MS), cost);
            share.pending.add(bucketOf(now, WINDOW_MS), cost);
            log.push({ at: now, cost });
          }
          expect(mostInAnyWindow(log, WINDOW_MS)).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('tell true waits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(pause, fc.boolean()), { maxLength: 80 }),
        fc.integer({ min: 0, max: 40 }),
        (limit, replicas, calls, others) => {
          let now = 5_000;
          const share = new ShareWindow(WINDOW_MS);
          share.observe(others, now);
          for (const [milliseconds, isPending] of calls) {
            now += milliseconds;
            if (share.room(limit, replicas, now) < 1) continue;
            share.own.add(bucketOf(now, WINDOW_MS), 1);
            if (isPending) share.pending.add(bucketOf(now, WINDOW_MS), 1);
          }
          if (share.room(limit, replicas, now) >= 1) return;
          const wait = share.waitFor(1, limit, replicas, now);
          if (limit < replicas) {
            expect(wait).toBe(Infinity);
            return;
          }
          expect(share.room(limit, replicas, now + wait - 1)).toBeLessThan(1);
          expect(share.room(limit, replicas, now + wait)).toBeGreaterThanOrEqual(1);
        },
      ),
      { numRuns: 500 },
    );
  });
});
