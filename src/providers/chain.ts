import type { Availability } from './target-health';

/** One target of a request: how often it was called, and whether it may be called again. */
export interface Hop {
  calls: number;
  /** Monotonic: a repeated call is not made before. */
  readyAtMs: number;
  /** It failed in a way that another call does not cure. */
  isDone: boolean;
}

export interface ChainRules {
  readonly nowMs: number;
  /** Repeated calls of one target. */
  readonly retries: number;
  /** The longest wait that is still worth it. */
  readonly maxWaitMs: number;
  /** Whether the retry budget has room for a call that is repeated or waited for. */
  readonly mayRepeat: boolean;
}

/** `isRepeat`: the call or the wait needs a place in the retry budget. */
export type Step<H extends Hop> =
  | { readonly kind: 'call'; readonly hop: H; readonly isRepeat: boolean }
  | { readonly kind: 'wait'; readonly hop: H; readonly untilMs: number }
  | { readonly kind: 'stop' };

interface Option<H> {
  readonly hop: H;
  readonly atMs: number;
}

/**
 * What to do next, in this order:
 * 1. the first target that was not called yet and has nothing against it: another target is better than any wait;
 * 2. the first that was not called yet and is only better avoided (no money, quota used up): it may work all the same;
 * 3. a target that may be called again, or one whose provider asked for a wait, whichever is ready first, when the wait
 *    is short, the budget has room, and its breaker is not open;
 * 4. when nobody was called at all, the target whose breaker closes first: the last target is never taken out.
 * A target is never called before the time its provider asked for.
 */
export function nextStep<H extends Hop>(
  hops: readonly H[],
  availabilityOf: (hop: H) => Availability,
  rules: ChainRules,
): Step<H> {
  const states = hops.map((hop) => ({ hop, available: hop.isDone ? null : availabilityOf(hop) }));
  const untried = states.filter(({ hop }) => hop.calls === 0);
  const fresh =
    untried.find(({ available }) => available?.kind === 'usable') ??
    untried.find(({ available }) => available?.kind === 'chosen');
  if (fresh) return { kind: 'call', hop: fresh.hop, isRepeat: false };
  const options = states.flatMap(({ hop, available }) => optionOf(hop, available, rules));
  const soonest = earliest(options);
  if (soonest && rules.mayRepeat && soonest.atMs - rules.nowMs <= rules.maxWaitMs) {
    if (soonest.atMs <= rules.nowMs) return { kind: 'call', hop: soonest.hop, isRepeat: true };
    return { kind: 'wait', hop: soonest.hop, untilMs: soonest.atMs };
  }
  if (hops.some((hop) => hop.calls > 0)) return { kind: 'stop' };
  const open = untried.flatMap(({ hop, available }) =>
    available?.kind === 'open' ? [{ hop, atMs: available.untilMs }] : [],
  );
  const last = earliest(open);
  return last ? { kind: 'call', hop: last.hop, isRepeat: false } : { kind: 'stop' };
}

function optionOf<H extends Hop>(hop: H, available: Availability | null, rules: ChainRules): Option<H>[] {
  if (!available || available.kind === 'open' || hop.calls > rules.retries) return [];
  const heldUntilMs = available.kind === 'asked' ? available.untilMs : 0;
  return [{ hop, atMs: Math.max(hop.readyAtMs, heldUntilMs) }];
}

function earliest<H>(options: readonly Option<H>[]): Option<H> | null {
  return options.reduce<Option<H> | null>((best, option) => (best && best.atMs <= option.atMs ? best : option), null);
}
