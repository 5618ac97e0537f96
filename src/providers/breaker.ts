/** When a breaker opens, and for how long. */
export interface BreakerRules {
  /** Failures in a row. */
  readonly failures: number;
  readonly openMs: number;
}

/** The other way to open: this share of at least so many results within the window. */
export const FAILURE_RATIO = 0.5;
export const MIN_RESULTS = 20;
export const WINDOW_SECONDS = 10;
/** Calls that may try a half-open target at the same time, and successes that close it. */
export const MAX_PROBES = 3;

/** The results of one second. */
interface SecondCount {
  readonly second: number;
  readonly successes: number;
  readonly failures: number;
}

/**
 * What is known of a target's failures. `epoch` changes with every phase: a result that comes back in another epoch than
 * its call began in says nothing about the present one.
 */
export type BreakerState =
  | {
      readonly phase: 'closed';
      readonly epoch: number;
      readonly inARow: number;
      readonly counts: readonly SecondCount[];
    }
  | { readonly phase: 'open'; readonly epoch: number; readonly untilMs: number }
  | { readonly phase: 'half_open'; readonly epoch: number; readonly probes: number; readonly successes: number };

/** `neutral`: the call ended without saying anything about the target (a client that left, a 429). */
export type BreakerResult = 'success' | 'failure' | 'neutral';

export const CLOSED: BreakerState = Object.freeze({ phase: 'closed', epoch: 0, inARow: 0, counts: [] });

/** Whether a call may be made now. Pure; nothing is taken by asking. */
export function mayCall(state: BreakerState, nowMs: number): boolean {
  if (state.phase === 'closed') return true;
  if (state.phase === 'open') return nowMs >= state.untilMs;
  return state.probes < MAX_PROBES;
}

/**
 * A call begins. A target that may not be called but is the last one left is called all the same (`mayCall` is the
 * caller's to ask); while it is open that changes nothing.
 */
export function begin(state: BreakerState, nowMs: number): BreakerState {
  if (state.phase === 'open' && nowMs >= state.untilMs) {
    return { phase: 'half_open', epoch: state.epoch + 1, probes: 1, successes: 0 };
  }
  return state.phase === 'half_open' ? { ...state, probes: state.probes + 1 } : state;
}

/** A call that began in `epoch` has ended. */
export function end(
  state: BreakerState,
  epoch: number,
  result: BreakerResult,
  nowMs: number,
  rules: BreakerRules,
): BreakerState {
  if (state.epoch !== epoch) return state;
  if (state.phase === 'half_open') return endProbe(state, result, nowMs, rules);
  if (result === 'neutral') return state;
  if (state.phase === 'closed') return count(state, result, nowMs, rules);
  // The last target left was called although it was open: a failure is no news, a success is the first sign of life.
  return result === 'success' ? { phase: 'half_open', epoch: epoch + 1, probes: 0, successes: 1 } : state;
}

function endProbe(
  state: Extract<BreakerState, { phase: 'half_open' }>,
  result: BreakerResult,
  nowMs: number,
  rules: BreakerRules,
): BreakerState {
  if (result === 'failure') return opened(state, nowMs, rules);
  const successes = state.successes + (result === 'success' ? 1 : 0);
  if (successes >= MAX_PROBES) return { phase: 'closed', epoch: state.epoch + 1, inARow: 0, counts: [] };
  return { ...state, probes: Math.max(0, state.probes - 1), successes };
}

function count(
  state: Extract<BreakerState, { phase: 'closed' }>,
  result: 'success' | 'failure',
  nowMs: number,
  rules: BreakerRules,
): BreakerState {
  const inARow = result === 'failure' ? state.inARow + 1 : 0;
  const counts = added(state.counts, Math.floor(nowMs / 1000), result);
  if (inARow >= rules.failures || isMostlyFailing(counts)) return opened(state, nowMs, rules);
  return { phase: 'closed', epoch: state.epoch, inARow, counts };
}

function added(counts: readonly SecondCount[], second: number, result: 'success' | 'failure'): readonly SecondCount[] {
  let begin = 0;
  while (begin < counts.length && counts[begin]!.second <= second - WINDOW_SECONDS) begin += 1;
  const next = counts.slice(begin);
  const last = next.at(-1)?.second === second ? next.pop() : undefined;
  const successes = (last?.successes ?? 0) + (result === 'success' ? 1 : 0);
  const failures = (last?.failures ?? 0) + (result === 'failure' ? 1 : 0);
  next.push({ second, successes, failures });
  return next;
}

function isMostlyFailing(counts: readonly SecondCount[]): boolean {
  let results = 0;
  let failures = 0;
  for (const count of counts) {
    failures += count.failures;
    results += count.failures + count.successes;
  }
  return results >= MIN_RESULTS && failures >= results * FAILURE_RATIO;
}

const opened = (state: BreakerState, nowMs: number, rules: BreakerRules): BreakerState => ({
  phase: 'open',
  epoch: state.epoch + 1,
  untilMs: nowMs + rules.openMs,
});
