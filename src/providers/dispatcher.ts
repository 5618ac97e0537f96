import { Injectable } from '@nestjs/common';
import type { Attempt, AttemptOutcome, GatewayContext } from '../core/context';
import { GatewayError, InvalidRequestError, UnpriceableError, UpstreamError } from '../core/errors';
import type { ChatReply, StreamEvent, StreamReply } from '../core/reply';
import type { TokenUsage } from '../core/tokens';
import { chainError, type FailedAttempt } from './chain-error';
import { awaitFirstContent, type BegunStream } from './first-chunk';
import { ProviderMetrics } from './provider.metrics';
import { RoutePlan, type ResolvedTarget } from './route-table';

const ABORTED: AttemptOutcome = {
  status: 'aborted',
  httpStatus: null,
  error: 'client_gone',
  servedModel: null,
  usage: null,
  billable: true,
};

/**
 * Finds the provider that answers: each target of the plan in order, until one has begun to answer. After the first
 * content nothing falls back any more. Every call is opened in the request's ledger before it is made and settled on
 * every path.
 */
@Injectable()
export class Dispatcher {
  constructor(private readonly metrics: ProviderMetrics) {}

  /** Throws `ProviderChainError` when no target could answer, `GatewayError` when none may be called. */
  async chat(context: GatewayContext): Promise<ChatReply> {
    const { plan } = context;
    if (!(plan instanceof RoutePlan)) throw new Error('RequestGuard has made no plan for this request');
    const failures: FailedAttempt[] = [];
    let refusal: GatewayError | undefined;
    for (const target of plan.targets) {
      try {
        const reply = await this.attempt(context, target, failures.length + 1);
        const isFallback = plan.targets.indexOf(target) > 0;
        context.served = {
          provider: target.provider,
          model: reply.model,
          attempts: failures.length + 1,
          fallback: isFallback,
        };
        if (isFallback) this.metrics.fallback(plan.requestedModel, target);
        return reply;
      } catch (error) {
        if (error instanceof UpstreamError) {
          failures.push({ provider: target.provider, model: target.model, error });
          if (!mayFallBack(error, context)) break;
        } else if (isTargetsOwn(error)) {
          refusal ??= error;
          context.decide('route', 'skipped', { provider: target.provider, model: target.model, why: error.message });
        } else throw error;
      }
    }
    this.recordFailure(context, failures);
    if (failures.length === 0 && refusal) throw refusal;
    throw chainError(failures);
  }

  private async attempt(context: GatewayContext, target: ResolvedTarget, index: number): Promise<ChatReply> {
    const { request, attempts } = context;
    if (!request || !attempts) throw new Error('the request has no ledger');
    // Whether the request can be put in this provider's dialect is known only by trying, and before anything is held.
    if (!target.adapter.speaks(request.dialect, target.model)) request.canonical();
    const attempt = attempts.open({ provider: target.provider, model: target.model, index, request });
    context.defer(() => attempt.settle(ABORTED));
    const startedMs = context.monotonic();
    try {
      const reply = await this.call(context, target, attempt);
      this.note(context, target, index, startedMs, 'answered');
      return reply;
    } catch (error) {
      attempt.settle(failed(error, null, false));
      this.note(context, target, index, startedMs, error instanceof UpstreamError ? error.reason : 'untranslatable');
      throw error;
    }
  }

  private async call(context: GatewayContext, target: ResolvedTarget, attempt: Attempt): Promise<ChatReply> {
    const { request, timeoutMs, signal } = context;
    if (!request) throw new Error('the request is not parsed');
    const remainingMs = timeoutMs === undefined ? null : timeoutMs - context.elapsedMs();
    const reply = await target.adapter.chat({ request, model: target.model, signal, remainingMs });
    if (reply.kind === 'stream') {
      const begun = await awaitFirstContent(reply);
      return this.metered(reply, begun, attempt);
    }
    attempt.settle({
      ...ABORTED,
      status: 'succeeded',
      httpStatus: 200,
      error: null,
      servedModel: reply.model,
      usage: reply.usage,
    });
    return reply;
  }

  /** The stream as the client gets it, with the attempt's meter reading along and the settlement at its end. */
  private metered(reply: StreamReply, begun: BegunStream, attempt: Attempt): StreamReply {
    let usage: TokenUsage | null = null;
    const read = (batch: readonly StreamEvent[]): readonly StreamEvent[] => {
      for (const event of batch) {
        attempt.observe(event);
        usage = event.usage ?? usage;
        if (event.kind === 'end') attempt.settle(succeeded(reply.model, usage));
      }
      return batch;
    };
    async function* batches(): AsyncGenerator<readonly StreamEvent[], void> {
      try {
        yield read(begun.held);
        for (let next = await begun.rest.next(); !next.done; next = await begun.rest.next()) yield read(next.value);
      } catch (error) {
        attempt.settle(failed(error, usage, true));
        throw error;
      } finally {
        await begun.rest.return?.();
      }
    }
    return { ...reply, model: reply.model, batches: batches() };
  }

  private note(
    context: GatewayContext,
    target: ResolvedTarget,
    index: number,
    startedMs: number,
    outcome: string,
  ): void {
    const { provider, model } = target;
    const tookMs = context.monotonic() - startedMs;
    context.upstreamMs += tookMs;
    context.decide('attempt', outcome, { index, provider, model, tookMs: Math.round(tookMs * 1000) / 1000 });
    this.metrics.attempt(target, outcome);
  }

  private recordFailure(context: GatewayContext, failures: readonly FailedAttempt[]): void {
    const last = failures.at(-1);
    if (!last) return;
    const { provider, model } = last;
    context.served = { provider, model, attempts: failures.length, fallback: failures.length > 1 };
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
  if (!(error instanceof UpstreamError))
    return { ...ABORTED, status: 'failed', error: 'untranslatable', billable: hasBegun };
  const isAnswered = error.status !== undefined && !hasBegun;
  const neverSent = ['connection_failed', 'connect_timeout', 'blocked_address', 'saturated'].includes(error.reason);
  return {
    status: error.failure === 'cancelled' ? 'aborted' : 'failed',
    httpStatus: error.status ?? null,
    error: error.reason,
    servedModel: null,
    usage,
    billable: !isAnswered && !neverSent,
  };
}

/** The caller's own fault stays the caller's, and nobody is asked for a client that has gone. */
function mayFallBack(error: UpstreamError, context: GatewayContext): boolean {
  if (context.signal.aborted) return false;
  return error.failure !== 'rejected' && error.failure !== 'cancelled';
}

/** This target cannot take the request; another one may. */
function isTargetsOwn(error: unknown): error is GatewayError {
  return error instanceof UnpriceableError || error instanceof InvalidRequestError;
}
