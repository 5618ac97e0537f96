import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import { InvalidRequestError, UpstreamError, type GatewayError } from '../core/errors';
import type { ChatReply } from '../core/reply';
import { LiveConfig } from '../platform/config/live-config';
import { AttemptRunner, type AttemptOrder } from './attempt-runner';
import { fullJitterMs, Pacer } from './backoff';
import { nextStep, type Step } from './chain';
import { chainError, type HeldTarget } from './chain-error';
import { mayFallBack, mayRetry } from './failure-policy';
import { race, type RaceResult } from './hedge';
import {
  boundsOf,
  isTargetsOwn,
  isUnsayable,
  journeyOf,
  leaveOutNarrow,
  leaveOutSmaller,
  planOf,
  remainingOf,
  type Journey,
  type TargetHop,
} from './journey';
import { isRefusal, setAside } from './refusal';
import { RetryBudget } from './retry-budget';
import type { RoutePlan } from './route-table';
import { RoutingConfig } from './routing.config';
import { TargetHealth, type Availability } from './target-health';
import { TargetSelector, type CandidateView, type Selection } from './target-selector';

/** The longest single wait for a target, and the longest time one request waits in all. Beyond it an error is better. */
const MAX_WAIT_MS = 5_000;
const MAX_TOTAL_WAIT_MS = 10_000;

/**
 * Finds the provider that answers: the targets of the plan in the order of their strategy, until one has begun to answer.
 * After the first content nothing falls back any more. Another usable target goes before any wait; only then is a target
 * called again, up to `routing.retries` times, with jitter, within the retry budget, and never before its provider allows.
 */
@Injectable()
export class Dispatcher {
  private readonly budget = new RetryBudget();

  constructor(
    private readonly selector: TargetSelector,
    private readonly runner: AttemptRunner,
    private readonly health: TargetHealth,
    private readonly config: LiveConfig,
    private readonly pacer: Pacer,
  ) {}

  /** Throws `ProviderChainError` when no target could answer, `GatewayError` when none may be called. */
  async chat(context: GatewayContext): Promise<ChatReply> {
    const plan = planOf(context);
    context.defer(this.budget.enter());
    const selection = this.selectFor(context, plan);
    context.decide('route', 'candidates', { candidates: selection.candidates });
    const journey = journeyOf(context, plan, selection);
    leaveOutNarrow(journey, selection.noRoom);
    const reply = await this.travel(journey);
    if (reply) return reply;
    if (journey.silence) return this.giveSilence(journey, journey.silence);
    this.recordFailure(journey);
    if (journey.failures.length === 0 && journey.refusal) throw journey.refusal;
    throw chainError(journey.failures, this.heldOf(journey), context.dialect);
  }

  /** The route of a request as it stands now: what would be tried in which order, and what would be skipped why. */
  candidates(context: GatewayContext): readonly CandidateView[] {
    return this.selectFor(context, planOf(context)).candidates;
  }

  private selectFor(context: GatewayContext, plan: RoutePlan): Selection {
    return this.selector.select(context, plan, this.config.section(RoutingConfig).context_window === 'fallback');
  }

  private async travel(journey: Journey): Promise<ChatReply | null> {
    const { context } = journey;
    let place: (() => void) | null = null;
    try {
      for (;;) {
        const step = this.stepOf(journey, place !== null);
        if (step.kind === 'stop') return null;
        if (step.kind === 'wait' || step.isRepeat) place ??= this.budget.take();
        if (step.kind === 'wait') {
          await this.wait(journey, step);
        } else {
          const result = await this.visit(journey, step.hop);
          place?.();
          place = null;
          if (result !== 'next') return result === 'over' ? null : result;
        }
        // A client that has gone asks nobody else.
        if (context.signal.aborted) return null;
      }
    } finally {
      place?.();
    }
  }

  private stepOf(journey: Journey, hasPlace: boolean): Step<TargetHop> {
    const { context, hops, failures, waitedMs } = journey;
    const remainingMs = remainingOf(context) ?? Infinity;
    if (failures.length > 0 && remainingMs <= 0) return { kind: 'stop' };
    const inputTokens = context.request?.estimatedInputTokens() ?? 0;
    return nextStep(hops, ({ target }): Availability => this.health.check(target, inputTokens), {
      nowMs: context.monotonic(),
      retries: this.config.section(RoutingConfig).retries,
      maxWaitMs: Math.min(MAX_WAIT_MS, MAX_TOTAL_WAIT_MS - waitedMs, remainingMs),
      mayRepeat: hasPlace || this.budget.hasRoom,
    });
  }

  private async wait(journey: Journey, { hop, untilMs }: Extract<Step<TargetHop>, { kind: 'wait' }>): Promise<void> {
    const { context } = journey;
    const { provider, model } = hop.target;
    const startedMs = context.monotonic();
    context.decide('route', 'waiting', { provider, model, waitMs: Math.ceil(untilMs - startedMs) });
    await this.pacer.pause(untilMs - startedMs, context.signal);
    const tookMs = context.monotonic() - startedMs;
    journey.waitedMs += tookMs;
    context.upstreamMs += tookMs;
  }

  /** Calls a target: its reply, `next` when another call may follow, `over` when none may. */
  private async visit(journey: Journey, hop: TargetHop): Promise<ChatReply | 'next' | 'over'> {
    try {
      const { reply, hop: winner } = await this.call(journey, hop);
      if (this.mayAskAnother(reply)) return await this.keepSilence(journey, winner, reply);
      journey.answeredBy(winner.target);
      return reply;
    } catch (error) {
      if (error instanceof UpstreamError) return this.failed(journey, hop, error);
      if (!isTargetsOwn(error)) throw error;
      this.skip(journey, hop, error);
      return isUnsayable(journey) ? 'over' : 'next';
    }
  }

  private async call(journey: Journey, hop: TargetHop): Promise<{ reply: ChatReply; hop: TargetHop }> {
    const { context, plan } = journey;
    const order = this.orderOf(journey, hop);
    if (plan.hedgeAfterMs !== null) return this.hedged(journey, hop, order, plan.hedgeAfterMs);
    const reply = await this.runner.run(context, order);
    journey.calls += 1;
    return { reply, hop };
  }

  private orderOf(journey: Journey, hop: TargetHop, index = journey.calls + 1): AttemptOrder {
    const { context, hops } = journey;
    if (hop.calls === 0) hop.startedAtMs = context.monotonic();
    hop.calls += 1;
    const { remainingMs, isCallersBound } = boundsOf(context, hop);
    return { target: hop.target, index, isFallback: hops.indexOf(hop) > 0, remainingMs, isCallersBound };
  }

  /** The same, with a call of the next target beside it when the first is silent for too long and the budget has room. */
  private async hedged(journey: Journey, hop: TargetHop, order: AttemptOrder, afterMs: number) {
    const { context } = journey;
    const run = (one: AttemptOrder) => (signal: AbortSignal) =>
      this.runner.run(context, { ...one, signal: AbortSignal.any([context.signal.toAbortSignal(), signal]) });
    const startedMs = context.monotonic();
    const decided = new AbortController();
    let rival: TargetHop | null = null;
    let place: (() => void) | null = null;
    const late = this.pacer.pause(afterMs, AbortSignal.any([context.signal.toAbortSignal(), decided.signal]));
    const result = await race(run(order), late, () => {
      rival = context.signal.aborted ? null : this.rivalOf(journey);
      place = rival && this.budget.take();
      if (!rival || !place) return (rival = null);
      const { provider, model } = rival.target;
      context.decide('route', 'hedged', { provider, model, afterMs });
      return run(this.orderOf(journey, rival, order.index + 1));
    }).finally(() => {
      decided.abort();
      place?.();
    });
    context.upstreamMs += context.monotonic() - startedMs;
    return this.afterRace(journey, { hop, rival }, result);
  }

  /** The first target that was not called and has nothing against it. */
  private rivalOf(journey: Journey): TargetHop | null {
    const inputTokens = journey.context.request?.estimatedInputTokens() ?? 0;
    const isReady = ({ calls, isDone, target }: TargetHop): boolean =>
      calls === 0 && !isDone && this.health.check(target, inputTokens).kind === 'usable';
    return journey.hops.find(isReady) ?? null;
  }

  private afterRace(
    journey: Journey,
    { hop, rival }: { hop: TargetHop; rival: TargetHop | null },
    { winner, reply, errors }: RaceResult,
  ): { reply: ChatReply; hop: TargetHop } {
    const { first, second } = errors;
    if (rival && second !== undefined) this.rivalFailed(journey, rival, second);
    if (!reply) throw first;
    if (winner === 'second' && first instanceof UpstreamError) this.failed(journey, hop, first);
    const best = winner === 'second' && rival ? rival : hop;
    const wasStopped = rival !== null && first === undefined && second === undefined;
    journey.calls += wasStopped ? 2 : 1;
    const { provider } = best.target;
    const fallback = journey.hops.indexOf(best) > 0;
    journey.context.served = { provider, model: reply.model, attempts: journey.calls, fallback };
    return { reply, hop: best };
  }

  private rivalFailed(journey: Journey, rival: TargetHop, error: unknown): void {
    if (error instanceof UpstreamError) this.failed(journey, rival, error);
    else if (isTargetsOwn(error)) this.skip(journey, rival, error);
    // What forbids the call (a budget) is said when nobody else answers and the target's turn comes.
    else rival.calls = 0;
  }

  private skip(journey: Journey, hop: TargetHop, error: GatewayError): void {
    const { provider, model } = hop.target;
    hop.isDone = true;
    hop.isUnsayable = error instanceof InvalidRequestError;
    journey.refusal ??= error;
    journey.context.decide('route', 'skipped', { provider, model, why: error.message });
  }

  private failed(journey: Journey, hop: TargetHop, error: UpstreamError): 'next' | 'over' {
    const { context, failures } = journey;
    const { provider, model, totalTimeoutMs } = hop.target;
    failures.push({ provider, model, error });
    journey.calls += 1;
    const nowMs = context.monotonic();
    hop.isDone = !mayRetry(error) || nowMs - hop.startedAtMs >= totalTimeoutMs;
    hop.readyAtMs = nowMs + (error.retryAfterMs ?? fullJitterMs(hop.calls, this.pacer.random));
    if (error.reason === 'context_length') leaveOutSmaller(journey, hop);
    return mayFallBack(error, this.config.section(RoutingConfig)) ? 'next' : 'over';
  }

  private mayAskAnother(reply: ChatReply): boolean {
    return isRefusal(reply) && this.config.section(RoutingConfig).content_policy === 'fallback';
  }

  private async keepSilence(journey: Journey, hop: TargetHop, reply: ChatReply): Promise<'next'> {
    const { context } = journey;
    const { provider, model } = hop.target;
    const kept = { reply: await setAside(reply), served: context.served };
    journey.silence ??= kept;
    hop.isDone = true;
    context.decide('route', 'refused', { provider, model });
    return 'next';
  }

  private giveSilence({ context, calls }: Journey, { reply, served }: NonNullable<Journey['silence']>) {
    if (served) context.served = { ...served, attempts: calls };
    return reply;
  }

  private heldOf({ hops, context }: Journey): HeldTarget[] {
    return hops.flatMap(({ target }) => {
      const available = this.health.check(target, 0);
      if (available.kind !== 'asked') return [];
      const { provider, model } = target;
      return [{ provider, model, endsInMs: available.untilMs - context.monotonic() }];
    });
  }

  private recordFailure({ context, failures }: Journey): void {
    const last = failures.at(-1);
    if (!last) return;
    const { provider, model } = last;
    const isFallback = failures.some((failure) => failure.provider !== provider || failure.model !== model);
    context.served = { provider, model, attempts: failures.length, fallback: isFallback };
  }
}
