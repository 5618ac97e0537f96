import { Injectable } from '@nestjs/common';
import type { TargetName } from '../core/context';
import type { UpstreamError } from '../core/errors';
import type { TokenUsage } from '../core/tokens';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { begin, CLOSED, end, mayCall, type BreakerResult, type BreakerRules, type BreakerState } from './breaker';
import { Cooldowns, type Cooldown } from './cooldowns';
import { holdAfter, verdictOf } from './failure-policy';
import { expectedMs, measured, UNMEASURED, type Latency } from './latency';
import { depletedUntilMs, learnt, spentOne, UNKNOWN_QUOTA, type Quota } from './quota';
import { RoutingConfig } from './routing.config';

/** A target and the quota it draws on. */
export interface HealthTarget extends TargetName {
  readonly quotaDomain: string;
}

/**
 * Whether a target should be called. `asked`: its provider asked for a wait, so it is never called before `untilMs`
 * (monotonic); `open` and `chosen`: better not, but the last target left is called all the same.
 */
export type Availability =
  | { readonly kind: 'usable' }
  | { readonly kind: 'asked' | 'chosen' | 'open'; readonly why: string; readonly untilMs: number };

interface TargetState {
  readonly target: HealthTarget;
  breaker: BreakerState;
  latency: Latency;
  quota: Quota;
  limitedInARow: number;
}

/** What is known of one target, for people. Times until something ends are milliseconds from now. */
export interface TargetStatus extends TargetName {
  readonly breaker: BreakerState['phase'];
  /** null unless the breaker is open: when it lets the next call try. */
  readonly openForMs: number | null;
  readonly cooldown: { readonly kind: Cooldown['kind']; readonly reason: string; readonly endsInMs: number } | null;
  readonly firstByteMs: number | null;
  readonly perTokenMs: number | null;
  readonly quota: Quota;
}

/** One call, from its beginning to its one verdict; what comes after the verdict changes nothing. */
export interface CallTicket {
  learn(headers: Readonly<Record<string, string | string[] | undefined>>): void;
  /** The first content has come; returns the milliseconds it took. */
  firstContent(): number;
  succeeded(usage: TokenUsage | null): void;
  failed(error: UpstreamError, isCallersBound: boolean): void;
  /** It ended without saying anything about the target. */
  dropped(): void;
}

/** More targets than any configuration has. */
const MAX_TARGETS = 10_000;
const USABLE: Availability = Object.freeze({ kind: 'usable' });
const keyOf = ({ provider, model }: TargetName): string => `${provider}/${model}`;

/** What this replica has learnt of every target from its own calls: failures, waits asked for, speed and quota. */
@Injectable()
export class TargetHealth {
  private readonly states = new Map<string, TargetState>();
  private readonly cooldowns = new Cooldowns();

  constructor(
    private readonly clock: Clock,
    private readonly config: LiveConfig,
  ) {}

  /** What stands against a call of about so many input tokens now. Nothing is taken by asking. */
  check(target: HealthTarget, inputTokens: number): Availability {
    const nowMs = this.clock.monotonic();
    const cooldown = this.cooldowns.find(target.quotaDomain, nowMs);
    if (cooldown?.kind === 'asked') return { kind: 'asked', why: 'retry_after', untilMs: cooldown.untilMs };
    const state = this.states.get(keyOf(target));
    if (state && !mayCall(state.breaker, nowMs)) {
      const untilMs = state.breaker.phase === 'open' ? state.breaker.untilMs : nowMs;
      return { kind: 'open', why: `breaker_${state.breaker.phase}`, untilMs };
    }
    if (cooldown) return { kind: 'chosen', why: cooldown.reason, untilMs: cooldown.untilMs };
    const wallMs = this.clock.now();
    const depletedUntil = state ? depletedUntilMs(state.quota, inputTokens, wallMs) : null;
    if (depletedUntil === null) return USABLE;
    return { kind: 'chosen', why: 'quota_used_up', untilMs: nowMs + depletedUntil - wallMs };
  }

  /** A call begins now. */
  begin(target: HealthTarget): CallTicket {
    const state = this.stateOf(target);
    const startedMs = this.clock.monotonic();
    state.breaker = begin(state.breaker, startedMs);
    state.quota = spentOne(state.quota);
    const { epoch } = state.breaker;
    let firstByteMs: number | null = null;
    let isOver = false;
    const finish = (result: BreakerResult, also: () => void = () => undefined): void => {
      if (isOver) return;
      isOver = true;
      state.breaker = end(state.breaker, epoch, result, this.clock.monotonic(), this.rules);
      also();
    };
    return {
      learn: (headers) => void (state.quota = learnt(state.quota, headers, this.clock.now())),
      firstContent: () => (firstByteMs ??= this.clock.monotonic() - startedMs),
      succeeded: (usage) => finish('success', () => this.succeeded(state, startedMs, firstByteMs, usage)),
      failed: (error, isCallersBound) => finish(verdictOf(error, isCallersBound), () => this.failed(state, error)),
      dropped: () => finish('neutral'),
    };
  }

  /** See {@link expectedMs}: 0 when never measured. */
  expectedMs(target: TargetName, outputTokens: number): number {
    const state = this.states.get(keyOf(target));
    return state ? expectedMs(state.latency, outputTokens, this.clock.monotonic()) : 0;
  }

  status(target: HealthTarget): TargetStatus {
    const nowMs = this.clock.monotonic();
    const state = this.states.get(keyOf(target));
    const { breaker, latency, quota } = state ?? { breaker: CLOSED, latency: UNMEASURED, quota: UNKNOWN_QUOTA };
    const cooldown = this.cooldowns.find(target.quotaDomain, nowMs);
    return {
      provider: target.provider,
      model: target.model,
      breaker: breaker.phase,
      openForMs: breaker.phase === 'open' ? Math.max(0, breaker.untilMs - nowMs) : null,
      cooldown: cooldown && { kind: cooldown.kind, reason: cooldown.reason, endsInMs: cooldown.untilMs - nowMs },
      firstByteMs: latency.firstByte?.valueMs ?? null,
      perTokenMs: latency.perToken?.valueMs ?? null,
      quota,
    };
  }

  /** Every target that was ever called. */
  statuses(): readonly TargetStatus[] {
    return [...this.states.values()].map(({ target }) => this.status(target));
  }

  /** Forgets what was learnt of a provider: its configuration has changed, or somebody has seen that it works. */
  forget(provider: string): void {
    for (const [key, { target }] of this.states) {
      if (target.provider !== provider) continue;
      this.cooldowns.forget(target.quotaDomain);
      this.states.delete(key);
    }
  }

  private get rules(): BreakerRules {
    const { failures, open } = this.config.section(RoutingConfig).breaker;
    return { failures, openMs: open };
  }

  private succeeded(state: TargetState, startedMs: number, firstByteMs: number | null, usage: TokenUsage | null): void {
    const nowMs = this.clock.monotonic();
    state.limitedInARow = 0;
    state.latency = measured(state.latency, { firstByteMs, totalMs: nowMs - startedMs, usage }, nowMs);
    this.cooldowns.succeeded(state.target.quotaDomain);
  }

  private failed(state: TargetState, error: UpstreamError): void {
    if (error.failure === 'rate_limited') state.limitedInARow += 1;
    const hold = holdAfter(error, state.limitedInARow);
    if (!hold) return;
    const untilMs = this.clock.monotonic() + hold.forMs;
    this.cooldowns.hold(state.target.quotaDomain, { kind: hold.kind, reason: error.reason, untilMs });
  }

  private stateOf(target: HealthTarget): TargetState {
    const key = keyOf(target);
    const known = this.states.get(key);
    if (known?.target.quotaDomain === target.quotaDomain) return known;
    if (this.states.size >= MAX_TARGETS) {
      const oldest = this.states.keys().next();
      if (!oldest.done) this.states.delete(oldest.value);
    }
    const { provider, model, quotaDomain } = target;
    const state: TargetState = {
      target: { provider, model, quotaDomain },
      breaker: known?.breaker ?? CLOSED,
      latency: known?.latency ?? UNMEASURED,
      quota: known?.quota ?? UNKNOWN_QUOTA,
      limitedInARow: 0,
    };
    this.states.set(key, state);
    return state;
  }
}
