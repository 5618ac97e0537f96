import { begin, CLOSED, end, mayCall, type BreakerResult, type BreakerState } from './breaker';

const rules = { failures: 5, openMs: 30_000 };

/** One call after the other, `gapMs` apart. */
function play(results: readonly BreakerResult[], gapMs = 10, state: BreakerState = CLOSED, startMs = 0): BreakerState {
  let current = state;
  let nowMs = startMs;
  for (const result of results) {
    current = begin(current, nowMs);
    current = end(current, current.epoch, result, nowMs, rules);
    nowMs += gapMs;
  }
  return current;
}
const times = (count: number, result: BreakerResult): BreakerResult[] => Array<BreakerResult>(count).fill(result);

describe('breaker', () => {
  it('opens at the fifth failure in a row, not at the fourth', () => {
    expect(play(times(4, 'failure')).phase).toBe('closed');
    const open = play(times(5, 'failure'));
    expect(open).toMatchObject({ phase: 'open', untilMs: 40 + 30_000 });
    expect(mayCall(open, 30_039)).toBe(false);
    expect(mayCall(open, 30_040)).toBe(true);
  });

  it('a success in between starts the count anew, a 429 neither counts nor clears', () => {
    expect(play([...times(4, 'failure'), 'success', ...times(4, 'failure')]).phase).toBe('closed');
    expect(play([...times(4, 'failure'), 'neutral', 'failure']).phase).toBe('open');
    expect(play(times(100, 'neutral')).phase).toBe('closed');
  });

  it('opens when half of at least twenty results within ten seconds are failures', () => {
    const alternating = Array.from({ length: 20 }, (_, index): BreakerResult => (index % 2 ? 'failure' : 'success'));
    expect(play(alternating.slice(0, 19)).phase).toBe('closed');
    expect(play(alternating).phase).toBe('open');
    expect(play(alternating, 1000).phase).toBe('closed');
  });

  it('three successful probes close it, a failed one opens it again', () => {
    const open = play(times(5, 'failure'));
    const probing = begin(open, 40_000);
    expect(probing).toMatchObject({ phase: 'half_open', probes: 1 });
    expect(play(times(3, 'success'), 10, open, 40_000).phase).toBe('closed');
    expect(play(['success', 'success', 'failure'], 10, open, 40_000)).toMatchObject({
      phase: 'open',
      untilMs: 40_020 + 30_000,
    });
  });

  it('a probe that ends without a verdict gives its place back', () => {
    let state = begin(begin(begin(play(times(5, 'failure')), 40_000), 40_000), 40_000);
    expect(mayCall(state, 40_000)).toBe(false);
    state = end(state, state.epoch, 'neutral', 40_000, rules);
    expect(mayCall(state, 40_000)).toBe(true);
  });

  it('a result from before the breaker opened says nothing about now', () => {
    const open = play(times(5, 'failure'));
    expect(end(open, CLOSED.epoch, 'success', 100, rules)).toBe(open);
  });
});
