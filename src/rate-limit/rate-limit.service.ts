import { Injectable } from '@nestjs/common';
import type { GatewayContext, Identity, RateLimitState, RateLimitWindow } from '../core/context';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { planAdmission, type AdmissionPlan, type Resource } from './admission-plan';
import { DenialMemory } from './denial-memory';
import { levelsOfCaller, levelsOfModel, type Level, type LimitScope } from './levels';
import { RateLimitConfig } from './rate-limit.config';
import { exceeded, neverFits, RateLimitUnavailableError } from './rate-limit.errors';
import { RateLimitMetrics } from './rate-limit.metrics';
import { RateLimitStore, type Admitted, type CounterState, type Denied, type Receipt } from './store/rate-limit.store';
import type { Prompt } from './token-need';

/** What `admit` would find, with nothing taken. */
export interface LimitPreview {
  readonly admitted: boolean;
  /** Tokens that would be reserved; null when no level limits tokens. */
  readonly reservedTokens: number | null;
  readonly levels: readonly {
    readonly scope: LimitScope;
    readonly id: string;
    readonly resource: Resource;
    readonly limit: number;
    readonly used: number;
    readonly needed: number;
    readonly fits: boolean;
  }[];
  readonly degraded: boolean;
}

/** Admission by requests, tokens and running calls at every level, all of it in one step or nothing. */
@Injectable()
export class RateLimitService {
  private readonly denials: DenialMemory;
  /** Levels by caller. An identity is replaced when anything of it changes, the configuration when it is reloaded. */
  private readonly levels = new WeakMap<Identity, { readonly config: RateLimitConfig; readonly levels: Level[] }>();

  constructor(
    private readonly store: RateLimitStore,
    private readonly config: LiveConfig,
    private readonly metrics: RateLimitMetrics,
    clock: Clock,
  ) {
    this.denials = new DenialMemory(() => clock.monotonic());
  }

  /**
   * Takes what the request needs and sees to its return; null when there is nothing to take. Throws, or rejects with, a 429
   * that names whose limit is used up: it throws what it knows without asking the store.
   */
  admit(context: GatewayContext): Promise<void> | null {
    const { plan, caller } = this.planOf(context);
    if (plan.counted.length + plan.slots.length === 0) {
      context.decide('rate_limit', 'no_limits');
      return null;
    }
    this.refuseImpossible(context, plan);
    const remembered = this.denials.recall(caller, plan.admission);
    if (remembered) this.deny(context, plan, remembered, 'denied_from_memory');
    return this.ask(context, plan, caller);
  }

  private async ask(context: GatewayContext, plan: AdmissionPlan, caller: string): Promise<void> {
    const result = await this.store.admit(plan.admission);
    switch (result.kind) {
      case 'admitted':
        this.take(context, plan, result);
        return;
      case 'denied':
        this.denials.remember(caller, plan.admission, result);
        return this.deny(context, plan, result, 'denied');
      case 'unavailable':
        this.metrics.count('unavailable', 'replica');
        context.decide('rate_limit', 'unavailable', { reason: result.reason });
        throw new RateLimitUnavailableError(result);
    }
  }

  /** What `admit` would find now, with nothing taken and nobody refused. */
  async explain(context: GatewayContext): Promise<LimitPreview> {
    const { plan } = this.planOf(context);
    const { counters, slots } = plan.admission;
    const keys = slots.map(({ key }) => key);
    const usage = await this.store.usage(counters, keys);
    const levels = [...plan.counted, ...plan.slots].map(({ level: { scope, id }, resource, limit }, index) => {
      const isCounter = index < counters.length;
      const used = isCounter ? usage.windows[index]!.used : usage.slots[index - counters.length]!;
      const needed = isCounter ? counters[index]!.cost : 1;
      return { scope, id, resource, limit, used, needed, fits: used + needed <= limit };
    });
    const reservedTokens = plan.tokens?.total ?? null;
    return { admitted: levels.every(({ fits }) => fits), reservedTokens, levels, degraded: usage.degraded };
  }

  private take(context: GatewayContext, plan: AdmissionPlan, admitted: Admitted): void {
    const { receipt, counters, degraded, isByPermit } = admitted;
    context.defer(() => this.giveBack(context, plan, receipt));
    context.rateLimit = stateOf(plan, counters, degraded);
    context.outputBound = plan.tokens?.bound ?? undefined;
    this.metrics.count('admitted', isByPermit ? 'permits' : decidedBy(degraded));
    context.decide('rate_limit', 'admitted', traceOf(plan, admitted));
  }

  /** Puts the provider's figure in the place of what was reserved, and frees the slots. */
  private giveBack(context: GatewayContext, plan: AdmissionPlan, receipt: Receipt): void {
    this.store.release(receipt);
    if (!plan.tokens) return;
    const used = usedTokens(context);
    if (used === null) return;
    const difference = used - plan.tokens.total;
    this.store.settle(
      receipt,
      plan.counted.map(({ resource }) => (resource === 'tokens' ? difference : 0)),
    );
  }

  private refuseImpossible(context: GatewayContext, plan: AdmissionPlan): void {
    const index = plan.admission.counters.findIndex(({ cost, limit }) => cost > limit);
    if (index < 0) return;
    this.metrics.count('denied', 'windows');
    context.decide('rate_limit', 'never_fits', { scope: plan.counted[index]!.level.label });
    throw neverFits(plan, plan.counted[index]!);
  }

  private deny(
    context: GatewayContext,
    plan: AdmissionPlan,
    denied: Denied,
    name: 'denied' | 'denied_from_memory',
  ): never {
    context.rateLimit = stateOf(plan, denied.counters, denied.degraded);
    this.metrics.count(name, decidedBy(denied.degraded));
    const error = exceeded(plan, denied);
    const facts = traceOf(plan, denied);
    context.decide('rate_limit', name, { ...error.facts, retry_after_ms: denied.retryAfterMs, ...facts });
    throw error;
  }

  private planOf({ identity, request }: GatewayContext): { plan: AdmissionPlan; caller: string } {
    if (!identity || !request) throw new Error('Limits are for a known caller and request: guards ran out of order');
    const plan = planAdmission(this.levelsOf(identity, request.model), request satisfies Prompt);
    return { plan, caller: `${identity.keyId} ${request.model}` };
  }

  private levelsOf(identity: Identity, model: string): readonly Level[] {
    const config = this.config.section(RateLimitConfig);
    let known = this.levels.get(identity);
    if (known?.config !== config) {
      known = { config, levels: levelsOfCaller(identity, config) };
      this.levels.set(identity, known);
    }
    const ofModel = levelsOfModel(model, config);
    return ofModel.length === 0 ? known.levels : [...known.levels, ...ofModel];
  }
}

const decidedBy = (isDegraded: boolean): 'replica' | 'windows' => (isDegraded ? 'replica' : 'windows');

/** Null when it is not known: then what was reserved stays taken. No attempt, no tokens: a cached or refused call. */
function usedTokens({ attempts }: GatewayContext): number | null {
  if (!attempts) return 0;
  return attempts.usedTokens?.() ?? null;
}

function stateOf(plan: AdmissionPlan, counters: readonly CounterState[], degraded: boolean): RateLimitState {
  return { requests: tightest(plan, counters, 'requests'), tokens: tightest(plan, counters, 'tokens'), degraded };
}

function tightest(
  { counted }: AdmissionPlan,
  counters: readonly CounterState[],
  resource: Resource,
): RateLimitWindow | null {
  let found: RateLimitWindow | null = null;
  for (const [index, planned] of counted.entries()) {
    const state = counters[index]!;
    if (planned.resource !== resource || (found && found.remaining <= state.remaining)) continue;
    found = { limit: planned.limit, remaining: state.remaining, resetMs: state.resetMs };
  }
  return found;
}

/** What each level had left: `team "search" tokens: 1200 of 5000`; and of slots, how many more calls may run. */
function traceOf(plan: AdmissionPlan, { counters, slots, degraded }: Admitted | Denied): Record<string, unknown> {
  const states = [...counters, ...slots];
  const facts: Record<string, unknown> = {};
  if (degraded) facts['degraded'] = true;
  if (plan.tokens) facts['reserved_tokens'] = plan.tokens.total;
  if (plan.tokens?.bound != null) facts['max_output_tokens'] = plan.tokens.bound;
  facts['levels'] = [...plan.counted, ...plan.slots].map(({ level: { scope, id }, resource, limit }, index) => ({
    scope,
    id,
    resource,
    limit,
    remaining: states[index]!.remaining,
  }));
  return facts;
}
