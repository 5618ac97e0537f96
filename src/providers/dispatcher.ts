import { Injectable } from '@nestjs/common';
import type { GatewayContext, Served } from '../core/context';
import { GatewayError, InvalidRequestError, UnpriceableError, UpstreamError } from '../core/errors';
import type { ChatReply } from '../core/reply';
import { LiveConfig } from '../platform/config/live-config';
import { AttemptRunner } from './attempt-runner';
import { fullJitterMs, Pacer } from './backoff';
import { nextStep, type Hop, type Step } from './chain';
import { chainError, type FailedAttempt, type HeldTarget } from './chain-error';
import { mayFallBack, mayRetry } from './failure-policy';
import { mayHaveMoreRoom } from './model-window';
import { isRefusal, setAside } from './refusal';
import { RetryBudget } from './retry-budget';
import { RoutePlan, type ResolvedTarget } from './route-table';
import { RoutingConfig } from './routing.config';
import { TargetHealth, type Availability } from './target-health';
import { TargetSelector, type CandidateView } from './target-selector';

/** The longest single wait for a target, and the longest time one request waits in all. Beyond it an error is better. */
const MAX_WAIT_MS = 5_000;
const MAX_TOTAL_WAIT_MS = 10_000;

/** A target as one request goes through it. */
interface TargetHop extends Hop {
  readonly target: ResolvedTarget;
  /** Monotonic: when it was called first. */
  startedAtMs: number;
}

/** One request on its way through its targets. */
interface Journey {
  readonly context: GatewayContext;
  readonly plan: RoutePlan;
  readonly hops: readonly TargetHop[];
  readonly failures: FailedAttempt[];
  readonly answeredBy: (target: ResolvedTarget) => void;
  refusal: GatewayError | undefined;
  /** The first answer in which a provider refused to say anything: better than an error, when nobody says more. */
  silence: { readonly reply: ChatReply; readonly served: Served | undefined } | undefined;
  silences: number;
  waitedMs: number;
}

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
    const { targets, candidates, answeredBy } = this.selector.select(context, plan);
    context.decide('route', 'candidates', { candidates });
    const hops = targets.map((target) => ({ target, calls: 0, readyAtMs: 0, isDone: false, startedAtMs: 0 }));
    const journey: Journey = {
      context,
      plan,
      hops,
      answeredBy,
      failures: [],
      refusal: undefined,
      silence: undefined,
      silences: 0,
      waitedMs: 0,
    };
    const reply = await this.travel(journey);
    if (reply) return reply;
    if (journey.silence) return this.giveSilence(journey, journey.silence);
    this.recordFailure(journey);
    if (journey.failures.length === 0 && journey.refusal) throw journey.refusal;
    throw chainError(journey.failures, this.heldOf(journey), context.dialect);
  }

  /** The route of a request as it stands now: what would be tried in which order, and what would be skipped why. */
  candidates(context: GatewayContext): readonly CandidateView[] {
    return this.selector.select(context, planOf(context)).candidates;
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
    const { context, failures, hops } = journey;
    const { target } = hop;
    if (hop.calls === 0) hop.startedAtMs = context.monotonic();
    hop.calls += 1;
    const index = failures.length + journey.silences + 1;
    try {
      const order = { target, index, isFallback: hops.indexOf(hop) > 0, ...this.boundsOf(context, hop) };
      const reply = await this.runner.run(context, order);
      if (this.mayAskAnother(reply)) return await this.keepSilence(journey, hop, reply);
      journey.answeredBy(target);
      return reply;
    } catch (error) {
      if (error instanceof UpstreamError) return this.failed(journey, hop, error);
      if (!isTargetsOwn(error)) throw error;
      hop.isDone = true;
      journey.refusal ??= error;
      context.decide('route', 'skipped', { provider: target.provider, model: target.model, why: error.message });
      return 'next';
    }
  }

  private failed(journey: Journey, hop: TargetHop, error: UpstreamError): 'next' | 'over' {
    const { context, failures } = journey;
    const { provider, model, totalTimeoutMs } = hop.target;
    failures.push({ provider, model, error });
    const nowMs = context.monotonic();
    hop.isDone = !mayRetry(error) || nowMs - hop.startedAtMs >= totalTimeoutMs;
    hop.readyAtMs = nowMs + (error.retryAfterMs ?? fullJitterMs(hop.calls, this.pacer.random));
    if (error.reason === 'context_length') leaveOutSmaller(journey.hops, hop);
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
    journey.silences += 1;
    hop.isDone = true;
    context.decide('route', 'refused', { provider, model });
    return 'next';
  }

  private giveSilence({ context, failures, silences }: Journey, { reply, served }: NonNullable<Journey['silence']>) {
    if (served) context.served = { ...served, attempts: failures.length + silences };
    return reply;
  }

  /** The first call of a target has its provider's whole time; a repeated one what the calls before have left of it. */
  private boundsOf(context: GatewayContext, hop: TargetHop): { remainingMs: number | null; isCallersBound: boolean } {
    const callersMs = remainingOf(context);
    if (hop.calls === 1) return { remainingMs: callersMs, isCallersBound: isShorter(callersMs, hop) };
    const ownMs = hop.target.totalTimeoutMs - (context.monotonic() - hop.startedAtMs);
    return { remainingMs: Math.min(ownMs, callersMs ?? Infinity), isCallersBound: isShorter(callersMs, hop) };
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

function planOf({ plan }: GatewayContext): RoutePlan {
  if (!(plan instanceof RoutePlan)) throw new Error('RequestGuard has made no plan for this request');
  return plan;
}

/** A target that is known to have no more room would only say the same. */
function leaveOutSmaller(hops: readonly TargetHop[], { target: { model } }: TargetHop): void {
  for (const hop of hops) if (hop.calls === 0 && !mayHaveMoreRoom(model, hop.target.model)) hop.isDone = true;
}

/** What is left of the caller's own bound; null when there is none. */
const remainingOf = (context: GatewayContext): number | null =>
  context.timeoutMs === undefined ? null : context.timeoutMs - context.elapsedMs();

const isShorter = (callersMs: number | null, hop: TargetHop): boolean =>
  callersMs !== null && callersMs < hop.target.totalTimeoutMs;

/** This target cannot take the request; another one may. */
function isTargetsOwn(error: unknown): error is GatewayError {
  return error instanceof UnpriceableError || error instanceof InvalidRequestError;
}
