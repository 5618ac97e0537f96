import { Inject, Injectable, Optional } from '@nestjs/common';
import type { Cancellable } from '../core/cancel-signal';
import type { Attempt, AttemptOutcome, GatewayContext } from '../core/context';
import { StreamCutoffError, UpstreamError } from '../core/errors';
import { withOutputBound } from '../core/output-bound';
import type { ChatReply, JsonReply, StreamReply } from '../core/reply';
import type { TokenUsage } from '../core/tokens';
import { LiveConfig } from '../platform/config/live-config';
import { awaitFirstContent } from './first-chunk';
import { MeteredStream, type StreamEnd } from './metered-stream';
import { ProviderMetrics } from './provider.metrics';
import type { ResolvedTarget } from './route-table';
import { StreamsConfig } from './streams.config';
import { TargetHealth, type CallTicket } from './target-health';
import { TargetLimits } from './target-limits';

const ABORTED: AttemptOutcome = {
  status: 'aborted',
  httpStatus: null,
  error: 'client_gone',
  servedModel: null,
  usage: null,
  billable: true,
};

/** Failures before anything was sent. */
const NEVER_SENT = new Set(['connection_failed', 'connect_timeout', 'blocked_address', 'saturated']);

/** What one attempt is about. */
export interface AttemptOrder {
  readonly target: ResolvedTarget;
  /** 1 for the first call of the request. */
  readonly index: number;
  /** Whether another target would have been first. */
  readonly isFallback: boolean;
  /** What is left of every time bound, in milliseconds; null when only the provider's own holds. */
  readonly remainingMs: number | null;
  /** Whether `remainingMs` is the caller's bound: then running out of it is not the provider's fault. */
  readonly isCallersBound: boolean;
  /** Of one of two calls that race each other: stops it when the other one wins. Absent: the request's own. */
  readonly signal?: Cancellable;
}

interface Books {
  readonly attempt: Attempt;
  readonly ticket: CallTicket;
}

/** Makes one call: on record before it is made, settled on every path, and every lesson it teaches is kept. */
@Injectable()
export class AttemptRunner {
  constructor(
    private readonly metrics: ProviderMetrics,
    private readonly health: TargetHealth,
    private readonly config: LiveConfig,
    @Optional() @Inject(TargetLimits) private readonly limits?: TargetLimits,
  ) {}

  /** Resolves with an answer that has begun, and says in the context who gives it. Throws `UpstreamError`, or `GatewayError` when the call may not be made. */
  async run(context: GatewayContext, order: AttemptOrder): Promise<ChatReply> {
    const { request, attempts } = context;
    const { target, index } = order;
    if (!request || !attempts) throw new Error('the request has no ledger');
    // Whether the request can be put in this provider's dialect is known only by trying, and before anything is held.
    if (!target.adapter.speaks(request.dialect, target.model)) request.canonical();
    // Taken before anything is waited for, so that no more probes pass a half-open breaker than it allows.
    const ticket = this.health.begin(target);
    context.defer(() => ticket.dropped());
    const attempt = await attempts.open({ provider: target.provider, model: target.model, index, request });
    context.defer(() => attempt.settle(ABORTED));
    const startedMs = context.monotonic();
    try {
      const reply = await this.call(context, order, { attempt, ticket });
      this.note(context, order, startedMs, 'answered');
      if (!order.signal?.aborted) this.recordServed(context, order, reply.model);
      return reply;
    } catch (error) {
      this.settle(context, order.target, attempt, failed(error, null, false));
      if (error instanceof UpstreamError) ticket.failed(error, order.isCallersBound);
      else ticket.dropped();
      this.note(context, order, startedMs, error instanceof UpstreamError ? error.reason : 'untranslatable');
      throw error;
    }
  }

  private async call(context: GatewayContext, order: AttemptOrder, books: Books): Promise<ChatReply> {
    const { request } = context;
    const { target, remainingMs, signal = context.signal } = order;
    if (!request) throw new Error('the request is not parsed');
    const onHead = books.ticket.learn;
    const bound = Math.min(books.attempt.maxOutputTokens ?? Infinity, context.outputBound ?? Infinity);
    const paid =
      bound === Infinity ? request : withOutputBound(request, bound, target.adapter.type === 'openai-compatible');
    const maxOutputTokens = this.limits?.factsOf(target).maxOutputTokens ?? null;
    const { model } = target;
    const reply = await target.adapter.chat({ request: paid, model, signal, remainingMs, onHead, maxOutputTokens });
    if (reply.kind === 'json') return this.complete(context, reply, target, books);
    const begun = await awaitFirstContent(reply);
    this.metrics.firstByte(target, books.ticket.firstContent());
    const end = this.endOf(context, order, reply, books);
    return new MeteredStream(context, books.attempt, this.config.section(StreamsConfig), end).of(reply, begun);
  }

  private complete(
    context: GatewayContext,
    reply: JsonReply,
    target: ResolvedTarget,
    { attempt, ticket }: Books,
  ): JsonReply {
    this.settle(context, target, attempt, succeeded(reply.model, reply.usage));
    ticket.succeeded(reply.usage);
    this.metrics.firstByte(target, ticket.firstContent());
    return reply;
  }

  /** What the end of a stream means for its attempt and its target. */
  private endOf(
    context: GatewayContext,
    { target, isCallersBound }: AttemptOrder,
    reply: StreamReply,
    { attempt, ticket }: Books,
  ): StreamEnd {
    return {
      succeeded: (usage) => {
        this.settle(context, target, attempt, succeeded(reply.model, usage));
        ticket.succeeded(usage);
      },
      failed: (error, usage) => {
        this.settle(context, target, attempt, failed(error, usage, true));
        if (error instanceof UpstreamError) ticket.failed(error, isCallersBound);
      },
      released: () => ticket.dropped(),
    };
  }

  /** A call that cost more than was paid for is on record, in the trace and in a metric: its provider is not to be trusted. */
  private settle(context: GatewayContext, target: ResolvedTarget, attempt: Attempt, outcome: AttemptOutcome): void {
    const wasOpen = attempt.settled() === null;
    attempt.settle(outcome);
    if (!wasOpen || !attempt.isOverrun?.()) return;
    const { provider, model } = target;
    this.metrics.overrun(target);
    context.decide('attempt', 'overrun', { provider, model, costNanoUsd: attempt.cost().toString() });
  }

  private recordServed(context: GatewayContext, { target, index, isFallback }: AttemptOrder, model: string): void {
    context.served = { provider: target.provider, model, attempts: index, fallback: isFallback };
    if (isFallback) this.metrics.fallback(context.plan?.requestedModel ?? model, target);
  }

  private note(
    context: GatewayContext,
    { target, index, signal }: AttemptOrder,
    startedMs: number,
    outcome: string,
  ): void {
    const { provider, model } = target;
    const tookMs = context.monotonic() - startedMs;
    // Of two calls at a time the dispatcher counts the time.
    if (!signal) context.upstreamMs += tookMs;
    context.decide('attempt', outcome, { index, provider, model, tookMs: Math.round(tookMs * 1000) / 1000 });
    this.metrics.attempt(target, outcome);
  }
}

function succeeded(servedModel: string, usage: TokenUsage | null): AttemptOutcome {
  return { status: 'succeeded', httpStatus: 200, error: null, servedModel, usage, billable: true };
}

/**
 * A call that failed may still have cost money: once a provider has begun to answer, or when it went silent on us. An
 * error status means that it did no work.
 */
function failed(error: unknown, usage: TokenUsage | null, hasBegun: boolean): AttemptOutcome {
  if (error instanceof StreamCutoffError) return { ...ABORTED, error: 'cutoff', usage };
  if (!(error instanceof UpstreamError))
    return { ...ABORTED, status: 'failed', error: 'untranslatable', billable: hasBegun };
  const isAnswered = error.status !== undefined && !hasBegun;
  return {
    status: error.failure === 'cancelled' ? 'aborted' : 'failed',
    httpStatus: error.status ?? null,
    error: error.reason,
    servedModel: null,
    usage,
    billable: !isAnswered && !NEVER_SENT.has(error.reason),
  };
}
