import type { GatewayContext, Served } from '../core/context';
import { InvalidRequestError, UnpriceableError, type GatewayError } from '../core/errors';
import type { ChatReply } from '../core/reply';
import type { Hop } from './chain';
import type { FailedAttempt } from './chain-error';
import { RoutePlan, type ResolvedTarget } from './route-table';
import type { Selection } from './target-selector';

/** A target as one request goes through it. */
export interface TargetHop extends Hop {
  readonly target: ResolvedTarget;
  /** Monotonic: when it was called first. */
  startedAtMs: number;
  /** The request cannot be put in its provider's words. */
  isUnsayable: boolean;
}

/** One request on its way through its targets. */
export interface Journey {
  readonly context: GatewayContext;
  readonly plan: RoutePlan;
  readonly hops: readonly TargetHop[];
  readonly failures: FailedAttempt[];
  readonly answeredBy: (target: ResolvedTarget) => void;
  readonly mayHaveMoreRoom: Selection['mayHaveMoreRoom'];
  refusal: GatewayError | undefined;
  /** The first answer in which a provider refused to say anything: better than an error, when nobody says more. */
  silence: { readonly reply: ChatReply; readonly served: Served | undefined } | undefined;
  /** Attempts so far. */
  calls: number;
  waitedMs: number;
}

/** A request at its beginning: nobody has been called. */
export const journeyOf = (context: GatewayContext, plan: RoutePlan, selection: Selection): Journey => ({
  context,
  plan,
  hops: selection.targets.map((target) => ({
    target,
    calls: 0,
    readyAtMs: 0,
    isDone: false,
    startedAtMs: 0,
    isUnsayable: false,
  })),
  answeredBy: selection.answeredBy,
  mayHaveMoreRoom: selection.mayHaveMoreRoom,
  failures: [],
  refusal: undefined,
  silence: undefined,
  calls: 0,
  waitedMs: 0,
});

/** The first call of a target has its provider's whole time; a repeated one what the calls before have left of it. */
export function boundsOf(
  context: GatewayContext,
  hop: TargetHop,
): { remainingMs: number | null; isCallersBound: boolean } {
  const callersMs = remainingOf(context);
  if (hop.calls === 1) return { remainingMs: callersMs, isCallersBound: isShorter(callersMs, hop) };
  const ownMs = hop.target.totalTimeoutMs - (context.monotonic() - hop.startedAtMs);
  return { remainingMs: Math.min(ownMs, callersMs ?? Infinity), isCallersBound: isShorter(callersMs, hop) };
}

export function planOf({ plan }: GatewayContext): RoutePlan {
  if (!(plan instanceof RoutePlan)) throw new Error('RequestGuard has made no plan for this request');
  return plan;
}

/** Leaves out the targets whose window the prompt surely exceeds. */
export function leaveOutNarrow({ hops }: Journey, noRoom: Selection['noRoom']): void {
  for (const hop of hops) if (noRoom.has(hop.target)) hop.isDone = true;
}

/** A target that is known to have no more room would only say the same. */
export function leaveOutSmaller({ hops, mayHaveMoreRoom }: Journey, { target }: TargetHop): void {
  for (const hop of hops) if (hop.calls === 0 && !mayHaveMoreRoom(target, hop.target)) hop.isDone = true;
}

/**
 * Whether no target of the model that was asked for can be told what the caller wants. Then that is the caller's to mend:
 * fallbacks are for providers that fail, and must not answer in its place with another model.
 */
export function isUnsayable({ plan, hops }: Journey): boolean {
  const own = plan.groups[0]?.targets ?? [];
  return own.every((target) => hops.some((hop) => hop.isUnsayable && hop.target === target));
}

/** What is left of the caller's own bound; null when there is none. */
export const remainingOf = (context: GatewayContext): number | null =>
  context.timeoutMs === undefined ? null : context.timeoutMs - context.elapsedMs();

const isShorter = (callersMs: number | null, hop: TargetHop): boolean =>
  callersMs !== null && callersMs < hop.target.totalTimeoutMs;

/** This target cannot take the request; another one may. */
export function isTargetsOwn(error: unknown): error is GatewayError {
  return error instanceof UnpriceableError || error instanceof InvalidRequestError;
}
