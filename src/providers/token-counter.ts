import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import { UpstreamError } from '../core/errors';
import type { JsonReply } from '../core/reply';
import { chainError } from './chain-error';
import { RoutePlan, type ResolvedTarget } from './route-table';

/**
 * Counts the tokens of a Messages request: the model's own provider does when it has an API for it; otherwise, or when the
 * provider is away, the count is an estimate and says so. Nothing is paid for, so nothing is opened in the ledger; the
 * request itself is on record.
 */
@Injectable()
export class TokenCounter {
  /** Throws `ProviderChainError` when the provider refuses the request itself. */
  async count(context: GatewayContext): Promise<JsonReply> {
    const { plan, request } = context;
    if (!(plan instanceof RoutePlan) || !request) throw new Error('RequestGuard has made no plan for this request');
    const [target] = plan.targets;
    if (!target) throw chainError([]);
    const { provider, model } = target;
    context.served = { provider, model, attempts: 0, fallback: false };
    return (await this.ask(context, target)) ?? estimateReply(request.estimatedInputTokens(), model);
  }

  private async ask(context: GatewayContext, target: ResolvedTarget): Promise<JsonReply | null> {
    const { request, timeoutMs, signal } = context;
    if (!request) return null;
    const { provider, model, adapter } = target;
    const remainingMs = timeoutMs === undefined ? null : timeoutMs - context.elapsedMs();
    const startedMs = context.monotonic();
    try {
      const reply = await adapter.countTokens({ request, model, signal, remainingMs });
      if (reply) context.served = { provider, model, attempts: 1, fallback: false };
      return reply;
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      context.served = { provider, model, attempts: 1, fallback: false };
      if (error.failure === 'rejected' || error.failure === 'cancelled') throw chainError([{ provider, model, error }]);
      context.decide('attempt', 'estimated', { provider, model, why: error.reason });
      return null;
    } finally {
      context.upstreamMs += context.monotonic() - startedMs;
    }
  }
}

const estimateReply = (inputTokens: number, model: string): JsonReply => ({
  kind: 'json',
  dialect: 'anthropic',
  raw: null,
  value: { input_tokens: inputTokens },
  model,
  usage: null,
  finish: 'stop',
  warnings: ['input_tokens is an estimate of the gateway'],
});
