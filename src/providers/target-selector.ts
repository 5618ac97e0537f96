import { Inject, Injectable, Optional } from '@nestjs/common';
import type { GatewayContext, TargetName } from '../core/context';
import { Clock } from '../platform/clock';
import { Pacer } from './backoff';
import { TYPICAL_OUTPUT_TOKENS } from './latency';
import type { ResolvedTarget, RoutePlan } from './route-table';
import { SessionAffinity } from './session-affinity';
import { affinityKey, hashDraw, ordered, type ScoredTarget, type TargetView, WANDERING } from './strategies';
import { mayHaveMoreRoom, whyNoRoom } from './model-window';
import { TargetHealth } from './target-health';
import { TargetLimits } from './target-limits';
import { TargetPrices } from './target-prices';

/** One line of the route as it stands for a request: what scored how, and why it is skipped for now. */
export interface CandidateView extends TargetName {
  readonly strategy: string;
  readonly score: number | null;
  readonly skipped?: string;
}

export interface Selection {
  /** In the order in which they are tried. */
  readonly targets: readonly ResolvedTarget[];
  readonly candidates: readonly CandidateView[];
  /** Those that are passed over because their context window is surely too small for the prompt, and why. */
  readonly noRoom: ReadonlyMap<TargetName, string>;
  /** Whether a prompt that was too long for one target may fit another. */
  readonly mayHaveMoreRoom: (than: TargetName, target: TargetName) => boolean;
  /** To be told where the request was answered, so that the next turn of its conversation goes there. */
  readonly answeredBy: (target: TargetName) => void;
}

const NOWHERE: ReadonlyMap<TargetName, string> = new Map();

/** Puts the targets of a plan in order by the strategies of their groups. Calls nobody and takes nothing. */
@Injectable()
export class TargetSelector {
  private readonly sessions: SessionAffinity;

  constructor(
    private readonly health: TargetHealth,
    private readonly clock: Clock,
    private readonly pacer: Pacer,
    @Optional() @Inject(TargetPrices) private readonly prices?: TargetPrices,
    @Optional() @Inject(TargetLimits) private readonly limits?: TargetLimits,
  ) {
    this.sessions = new SessionAffinity(() => clock.monotonic());
  }

  /** `passesOver`: whether a prompt that surely does not fit into a target goes on to one with room. */
  select(context: GatewayContext, plan: RoutePlan, passesOver: boolean): Selection {
    const affinity = affinityOf(context, plan);
    const view = this.viewFor(context, plan, affinity);
    const scored = plan.groups.flatMap((group) => ordered(group, view));
    const noRoom = passesOver ? this.noRoomIn(context, scored) : NOWHERE;
    return {
      targets: scored.map(({ target }) => target),
      noRoom,
      mayHaveMoreRoom: (than, target) => mayHaveMoreRoom(than, target, this.limits),
      candidates: scored.map((entry) => this.describe(context, entry, noRoom.get(entry.target))),
      answeredBy: (target) => {
        if (affinity !== null) this.sessions.keep(affinity, target);
      },
    };
  }

  private viewFor(context: GatewayContext, plan: RoutePlan, affinity: string | null): TargetView {
    const { request } = context;
    const asks = (strategy: string): boolean => plan.groups.some((group) => group.strategy === strategy);
    const inputTokens = asks('lowest_cost') ? (request?.estimatedInputTokens() ?? 0) : 0;
    const outputTokens = request?.maxOutputTokens ?? TYPICAL_OUTPUT_TOKENS;
    return {
      expectedMs: (target) => this.health.expectedMs(target, Math.min(outputTokens, TYPICAL_OUTPUT_TOKENS)),
      cost: (target) => this.prices?.costOf(target, inputTokens, outputTokens) ?? null,
      activeCalls: ({ adapter }) => adapter.activeCalls,
      draw: (target) => (affinity === null ? this.pacer.random() : hashDraw(affinity, target)),
      isHome: (target) =>
        affinity !== null &&
        this.sessions.isAt(affinity, target) &&
        this.health.check(target, request?.estimatedInputTokens() ?? 0).kind === 'usable',
    };
  }

  private noRoomIn({ request }: GatewayContext, scored: readonly ScoredTarget[]): ReadonlyMap<TargetName, string> {
    if (!request || scored.length < 2) return NOWHERE;
    const found = new Map<TargetName, string>();
    for (const { target } of scored) {
      const why = whyNoRoom(request, target, this.limits);
      if (why !== null) found.set(target, why);
    }
    // The count is an estimate: the last word is a provider's, whose refusal costs nothing.
    return found.size < scored.length ? found : NOWHERE;
  }

  private describe(
    context: GatewayContext,
    { target, score, strategy }: ScoredTarget,
    noRoom: string | undefined,
  ): CandidateView {
    const { provider, model } = target;
    const available = this.health.check(target, context.request?.estimatedInputTokens() ?? 0);
    const unavailable = available.kind === 'usable' ? undefined : this.reason(available.why, available.untilMs);
    const skipped = noRoom ?? unavailable;
    const shown = Number.isFinite(score) ? rounded(score) : null;
    if (skipped === undefined) return { provider, model, strategy, score: shown };
    return { provider, model, strategy, score: shown, skipped };
  }

  private reason(why: string, untilMs: number): string {
    const seconds = Math.max(0, untilMs - this.clock.monotonic()) / 1000;
    return `${why} for ${seconds.toFixed(1)} s`;
  }
}

/** What keeps the turns of a conversation together; null where no strategy of the plan asks for it. */
function affinityOf({ request, identity }: GatewayContext, { groups }: RoutePlan): string | null {
  const isAsked = groups.some(({ strategy }) => strategy === 'weighted' || WANDERING.has(strategy));
  return isAsked && request ? affinityKey(identity?.keyId ?? '', request) : null;
}

const rounded = (score: number): number => Math.round(score * 1000) / 1000;
