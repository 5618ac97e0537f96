import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { PricePreview } from '../billing';
import type { GatewayContext } from '../core/context';
import { formatUsd } from '../core/money';
import { Dispatcher } from '../providers';
import { RateLimitService } from '../rate-limit';
import { CacheService } from '../semantic-cache';

/** Says what would be decided for a request, calls no provider and takes nothing. */
@Injectable()
export class ExplainService {
  constructor(
    private readonly limits: RateLimitService,
    private readonly dispatcher: Dispatcher,
    private readonly prices: PricePreview,
    private readonly cache: CacheService,
  ) {}

  async explain(context: GatewayContext, headers: IncomingHttpHeaders): Promise<object> {
    const { request, plan, identity } = context;
    if (!request || !plan || !identity) throw new Error('the guards have not run');
    const inputTokens = request.estimatedInputTokens();
    return {
      request_id: context.requestId,
      identity: {
        key_id: identity.keyId,
        user_id: identity.userId,
        team_id: identity.teamId,
        department_id: identity.departmentId,
      },
      request: {
        model: request.model,
        stream: request.stream,
        estimated_input_tokens: inputTokens,
        max_output_tokens: request.maxOutputTokens,
      },
      limits: limitsOf(await this.limits.explain(context)),
      cache: await this.cache.explain(context, headers),
      route: this.dispatcher.candidates(context).map((candidate) => {
        const bound = this.prices.upperBound(candidate, inputTokens, request.maxOutputTokens, request.choices);
        return { ...candidate, price_bound_usd: bound === null ? null : formatUsd(bound) };
      }),
      price_version: this.prices.version,
      config_version: context.configVersion,
    };
  }
}

function limitsOf({
  admitted,
  reservedTokens,
  levels,
  degraded,
}: Awaited<ReturnType<RateLimitService['explain']>>): object {
  return { admitted, reserved_tokens: reservedTokens, degraded, levels };
}
