import fc from 'fast-check';
import { nextStep, type ChainRules, type Hop } from './chain';
import type { Availability } from './target-health';

const hop = (fields: Partial<Hop> = {}): Hop => ({ calls: 0, readyAtMs: 0, isDone: false, ...fields });
const usable: Availability = { kind: 'usable' };
const not = (kind: 'asked' | 'chosen' | 'open', untilMs = 1000): Availability => ({ kind, why: kind, untilMs });
const rules: ChainRules = { nowMs: 0, retries: 2, maxWaitMs: 5000, mayRepeat: true };

function step(states: readonly (readonly [Hop, Availability])[], given: Partial<ChainRules> = {}) {
  const hops = states.map(([item]) => item);
  const decided = nextStep(hops, (item) => states[hops.indexOf(item)]![1], { ...rules, ...given });
  return decided.kind === 'stop' ? 'stop' : `${decided.kind} ${hops.indexOf(decided.hop)}`;
}

describe('nextStep', () => {
  it.each([
    [
      'the first that is usable',
      [
        [hop(), not('open')],
        [hop(), usable],
      ],
      {},
      'call 1',
    ],
    [
      'another target rather than a repetition',
      [
        [hop({ calls: 1 }), usable],
        [hop(), usable],
      ],
      {},
      'call 1',
    ],
    [
      'one better avoided rather than a repetition',
      [
        [hop({ calls: 1 }), usable],
        [hop(), not('chosen')],
      ],
      {},
      'call 1',
    ],
    ['a repetition when nobody else is left', [[hop({ calls: 1 }), usable]], {}, 'call 0'],
    ['a wait until the repetition is due', [[hop({ calls: 1, readyAtMs: 300 }), usable]], {}, 'wait 0'],
    [
      'the sooner of two',
      [
        [hop({ calls: 1, readyAtMs: 900 }), usable],
        [hop(), not('asked', 400)],
      ],
      {},
      'wait 1',
    ],
    ['no wait that is too long', [[hop({ calls: 1 }), not('asked', 5001)]], {}, 'stop'],
    ['no repetition without room', [[hop({ calls: 1 }), usable]], { mayRepeat: false }, 'stop'],
    ['no more repetitions than allowed', [[hop({ calls: 3 }), usable]], {}, 'stop'],
    ['no repetition at an open breaker', [[hop({ calls: 1 }), not('open')]], {}, 'stop'],
    [
      'the last target although its breaker is open',
      [
        [hop(), not('open', 9)],
        [hop(), not('open', 5)],
      ],
      {},
      'call 1',
    ],
    [
      'but not after somebody was called',
      [
        [hop({ calls: 3 }), usable],
        [hop(), not('open')],
      ],
      {},
      'stop',
    ],
    ['nobody', [], {}, 'stop'],
  ] as const)('%s', (_, states, given, expected) => {
    expect(step(states, given)).toBe(expected);
  });

  it('never calls before the provider allows, nor more often than allowed, and always comes to an end', () => {
    const availability = fc.oneof(
      fc.constant(usable),
      fc.record({
        kind: fc.constantFrom('asked' as const, 'chosen' as const, 'open' as const),
        why: fc.constant('x'),
        untilMs: fc.integer({ min: 1, max: 9000 }),
      }),
    );
    const target = fc.record({ available: availability, failures: fc.nat(5), askedMs: fc.nat(8000) });
    fc.assert(
      fc.property(fc.array(target, { maxLength: 5 }), fc.nat(4), (targets, retries) => {
        const hops = targets.map(() => hop());
        const held = targets.map(({ available }) => available);
        let nowMs = 0;
        for (let turn = 0; turn < 100; turn += 1) {
          const now = (index: number): Availability => {
            const available = held[index]!;
            return available.kind !== 'usable' && available.untilMs <= nowMs ? usable : available;
          };
          const decided = nextStep(hops, (item) => now(hops.indexOf(item)), { ...rules, nowMs, retries });
          if (decided.kind === 'stop') return;
          const index = hops.indexOf(decided.hop);
          if (decided.kind === 'wait') {
            expect(decided.untilMs).toBeGreaterThan(nowMs);
            expect(decided.untilMs - nowMs).toBeLessThanOrEqual(rules.maxWaitMs);
            nowMs = decided.untilMs;
            continue;
          }
          expect(now(index).kind).not.toBe('asked');
          decided.hop.calls += 1;
          expect(decided.hop.calls).toBeLessThanOrEqual(1 + retries);
          // It fails and asks for a wait.
          decided.hop.readyAtMs = nowMs + targets[index]!.askedMs;
          if (targets[index]!.askedMs > 0) held[index] = { kind: 'asked', why: 'x', untilMs: decided.hop.readyAtMs };
        }
        throw new Error('the chain does not end');
      }),
      { numRuns: 2000 },
    );
  });
});
