import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import { Clock } from '../platform/clock';
import type { CacheEntry } from './answers/cache-entry';
import { aside } from './aside';
import { choose, isUsable, type Asked, type Match, type Refused } from './asked';
import { CacheMetrics } from './cache.metrics';
import { SimilarQuestions, type Looked } from './similar-questions';
import type { Found } from './store/cache.store';
import { EarlyLease } from './store/flight-lease';
import { PatientStore } from './store/patient-store';

/** What may be given now, and what only when every provider fails. */
export interface LookedUp {
  readonly match: Match | null;
  readonly stale: CacheEntry | null;
  /** Done when the trace says of everything near why it will not do: a miss goes on before that. */
  readonly traced: Promise<void>;
  /** The lease of the flight that a miss opens, or that another has it; null when it is still to be asked for. */
  readonly lease: EarlyLease | 'held' | null;
}

export interface LookingOptions {
  /** False: only questions of the same words are looked at. */
  readonly mayLookFurther?: boolean;
  /** For how long a miss takes the lease of its flight at once. */
  readonly leaseMs?: number | undefined;
}

/** There is nothing to wait for. */
const TRACED = Promise.resolve();

/** Finds the answer that will do, and puts on record what was near and why it will not. */
@Injectable()
export class CacheLookup {
  constructor(
    private readonly store: PatientStore,
    private readonly similar: SimilarQuestions,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {}

  /** Whether finding calls no provider. */
  get isFree(): boolean {
    return this.similar.isFree;
  }

  /** `away` when the store does not answer. */
  async find(
    context: GatewayContext,
    asked: Asked,
    { mayLookFurther = true, leaseMs }: LookingOptions = {},
  ): Promise<LookedUp | 'away'> {
    if (mayLookFurther) this.similar.foresee(asked);
    const found = await this.store.find(asked.print.id, asked.words, leaseMs);
    if (found === null) return 'away';
    const lease = early(context, found);
    const { match, stale, refused } = choose(found, asked, this.clock.now());
    for (const each of refused) refuse(context, each);
    if (match || !mayLookFurther) return { match, stale, traced: TRACED, lease };
    const similar = await this.findSimilar(context, asked);
    if (similar.match && lease instanceof EarlyLease) lease.release();
    return { ...similar, stale, lease };
  }

  /** Among questions in other words, where the mode allows it. Vectors are waited for only where one of them may do. */
  private async findSimilar(context: GatewayContext, asked: Asked): Promise<Pick<LookedUp, 'match' | 'traced'>> {
    const mayFind = this.similar.mayFind(asked);
    if (asked.mode !== 'conservative') this.metrics.compared(mayFind ? 'waited' : 'ruled_out');
    if (!mayFind) {
      const time = this.similar.needsVector(asked) ? aside() : TRACED;
      const looking = time.then(() => this.similar.look(asked));
      return { match: null, traced: looking.then((looked) => trace(context, looked)) };
    }
    const looked = await this.similar.look(asked);
    for (const candidate of looked.candidates.filter(({ isNear }) => isNear)) {
      if (candidate.reasons().length > 0) continue;
      const { entryId, similarity } = candidate;
      const entry = await this.store.take(entryId, asked.print.id);
      const isGood = entry !== null && isUsable(entry, asked, this.clock.now());
      if (isGood) return { match: { entry, tier: 'semantic', similarity }, traced: TRACED };
      refuse(context, { entryId, similarity, reasons: [entry ? 'unusable' : 'gone'] });
    }
    const isCheap = looked.candidates.length === 0;
    return { match: null, traced: (isCheap ? TRACED : aside()).then(() => trace(context, looked)) };
  }
}

/** Whatever becomes of the request, a lease that no flight goes under is given back. */
function early(context: GatewayContext, { lease }: Found): LookedUp['lease'] {
  if (lease === null || lease === 'held') return lease;
  const held = new EarlyLease(lease);
  context.defer(() => held.release());
  return held;
}

/** What the guard and the threshold have against what is near. */
function trace(context: GatewayContext, { candidates, why }: Looked): void {
  if (why !== null) context.decide('cache', 'not_compared', { why });
  for (const { entryId, similarity, reasons } of candidates) {
    const all = reasons();
    if (all.length > 0) refuse(context, { entryId, similarity, reasons: all });
  }
}

const refuse = (context: GatewayContext, { entryId, similarity, reasons }: Refused): void =>
  context.decide('cache', 'refused', { entry: entryId, similarity, reasons });
