import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import { Clock } from '../platform/clock';
import type { CacheEntry } from './answers/cache-entry';
import { aside } from './aside';
import { choose, isUsable, type Asked, type Match, type Refused } from './asked';
import { CacheMetrics } from './cache.metrics';
import { SimilarQuestions, type Candidate, type Looked } from './similar-questions';
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

/** What the store has said, and what was known without it. */
export interface Begun {
  /** Null when the store does not answer. */
  readonly found: Found | null;
  readonly lease: LookedUp['lease'];
  /** What is near, when that was known before the store was asked. */
  readonly looked: Looked | null;
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

  /**
   * Asks the store. Where the vector of the question is at hand, it is asked for the entry of the nearest one that will do
   * in the same call. Never rejects, puts nothing on record and makes no vector: the request may yet be refused.
   */
  async begin(
    context: GatewayContext,
    asked: Asked,
    { mayLookFurther = true, leaseMs }: LookingOptions = {},
  ): Promise<Begun> {
    const looking = mayLookFurther ? this.similar.lookAtHand(asked) : null;
    const looked = looking && (await looking);
    const nearId = looked?.candidates.find(willDo)?.entryId;
    const found = await this.store.find(asked.print.id, asked.words, { leaseMs, nearId });
    return { found, looked, lease: found && early(context, found.lease) };
  }

  /** `away` when the store does not answer. `begun`: by `begin`, for the same question. */
  async find(
    context: GatewayContext,
    asked: Asked,
    options: LookingOptions = {},
    begun: Promise<Begun> = this.begin(context, asked, options),
  ): Promise<LookedUp | 'away'> {
    // On one processor the encoder gets it before this thread has gone on: the store is asked first.
    if (options.mayLookFurther !== false) this.similar.foresee(asked);
    const { found, lease, looked } = await begun;
    if (found === null) return 'away';
    const { match, stale, refused } = choose(found, asked, this.clock.now());
    for (const each of refused) refuse(context, each);
    if (match || options.mayLookFurther === false) return { match, stale, traced: TRACED, lease };
    const similar = await this.findSimilar(context, asked, { looked, near: found.near });
    if (similar.match && lease instanceof EarlyLease) lease.release();
    return { ...similar, stale, lease };
  }

  /** Among questions in other words, where the mode allows it. Vectors are waited for only where one of them may do. */
  private async findSimilar(
    context: GatewayContext,
    asked: Asked,
    known: { readonly looked: Looked | null; readonly near: CacheEntry | null },
  ): Promise<Pick<LookedUp, 'match' | 'traced'>> {
    const mayFind = this.similar.mayFind(asked);
    const waiting = known.looked ? 'at_hand' : 'waited';
    if (asked.mode !== 'conservative') this.metrics.compared(mayFind ? waiting : 'ruled_out');
    if (!mayFind) {
      const time = this.similar.needsVector(asked) ? aside() : TRACED;
      const looking = time.then(() => this.similar.look(asked));
      return { match: null, traced: looking.then((looked) => trace(context, looked)) };
    }
    const looked = known.looked ?? (await this.similar.look(asked));
    const match = await this.nearest(context, asked, { looked, near: known.near });
    if (match) return { match, traced: TRACED };
    const isCheap = looked.candidates.length === 0;
    return { match: null, traced: (isCheap ? TRACED : aside()).then(() => trace(context, looked)) };
  }

  /** The nearest question that will do and whose answer is there. `near`: the answer that has come already. */
  private async nearest(
    context: GatewayContext,
    asked: Asked,
    { looked, near }: { readonly looked: Looked; readonly near: CacheEntry | null },
  ): Promise<Match | null> {
    for (const { entryId, similarity } of looked.candidates.filter(willDo)) {
      const entry = near?.id === entryId ? near : await this.store.take(entryId, asked.print.id);
      if (entry !== null && isUsable(entry, asked, this.clock.now())) return { entry, tier: 'semantic', similarity };
      refuse(context, { entryId, similarity, reasons: [entry ? 'unusable' : 'gone'] });
    }
    return null;
  }
}

/** Whatever becomes of the request, a lease that no flight goes under is given back. */
function early(context: GatewayContext, lease: Found['lease']): LookedUp['lease'] {
  if (lease === null || lease === 'held') return lease;
  const held = new EarlyLease(lease);
  context.defer(() => held.release());
  return held;
}

/** Whether the answer to that question is an answer to this one. */
const willDo = ({ isNear, reasons }: Candidate): boolean => isNear && reasons().length === 0;

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
