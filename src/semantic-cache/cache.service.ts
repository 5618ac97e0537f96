import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { InferenceRequest } from '../core/chat';
import type { CacheStatus, GatewayContext } from '../core/context';
import { ProviderChainError } from '../core/errors';
import type { ChatReply } from '../core/reply';
import { AnswerRecorder } from './answer-recorder';
import type { CacheEntry } from './answers/cache-entry';
import type { Asked, Match } from './asked';
import { CacheLookup, type Begun, type LookedUp } from './cache-lookup';
import { CacheOutcomes, statusOf } from './cache-outcomes';
import { CacheQuestions } from './cache-questions';
import { policyFor, type CacheMode } from './cache.config';
import { OnlyIfCachedError } from './cache.errors';
import type { CacheTier } from './cache.metrics';
import { whyNotCached } from './eligibility';
import { readCacheControls, type CacheControls } from './request-controls';
import { SharedFlights } from './shared-flights';

type Produce = () => Promise<ChatReply>;

/** What the cache would do with a request. */
export interface CacheExplanation {
  readonly status: CacheStatus;
  /** Why the cache would be left out, or why prompts could not be compared. */
  readonly why: string | null;
  readonly mode: CacheMode;
  readonly threshold: number;
  readonly match: { readonly entry: string; readonly tier: CacheTier; readonly similarity: number } | null;
  /** Stored questions that are near and will not do. */
  readonly refused: readonly Readonly<Record<string, unknown>>[];
}

/** Answers from what was answered before, when that is as good; otherwise lets the request through and keeps its answer. */
@Injectable()
export class CacheService {
  /** Look-ups that have begun before their request was admitted. */
  private readonly foreseen = new WeakMap<GatewayContext, { readonly asked: Asked; readonly begun: Promise<Begun> }>();

  constructor(
    private readonly questions: CacheQuestions,
    private readonly lookup: CacheLookup,
    private readonly flights: SharedFlights,
    private readonly recorder: AnswerRecorder,
    private readonly outcomes: CacheOutcomes,
  ) {}

  get isEnabled(): boolean {
    return this.questions.config.enabled;
  }

  /** Begins to look, for a request that may yet be refused: no hit or miss is counted, and no vector made. */
  foresee(context: GatewayContext, headers: IncomingHttpHeaders): void {
    const { request } = context;
    const controls = this.isEnabled && request ? controlsIn(headers) : null;
    if (!request || !controls || whyBypassed(controls, request) !== null) return;
    const asked = this.questions.describe(context, controls);
    const begun = this.lookup.begin(context, asked, { leaseMs: this.flights.leaseFor(asked) });
    // When the request is refused, nobody waits for it.
    void begun.catch(() => {});
    this.foreseen.set(context, { asked, begun });
  }

  /** The stored answer, or what `produce` gives; throws what `produce` throws, and 400 for headers that make no sense. */
  async answer(context: GatewayContext, headers: IncomingHttpHeaders, produce: Produce): Promise<ChatReply> {
    const controls = readCacheControls(headers);
    const why = whyBypassed(controls, requestOf(context));
    if (why !== null && why !== 'no_cache') return this.bypass(context, why, controls, produce);
    const { asked, begun } = this.foreseen.get(context) ?? { asked: this.questions.describe(context, controls) };
    if (why === 'no_cache') {
      const flight = this.flights.lead(asked);
      return this.bypass(context, why, controls, () => this.recorder.record(context, asked, flight, { produce }));
    }
    const found = await this.lookup.find(context, asked, { leaseMs: this.flights.leaseFor(asked) }, begun);
    if (found === 'away') return this.bypass(context, 'store_away', controls, produce);
    const { match, stale, lease } = found;
    if (match && !controls.onlyIfCached && this.outcomes.shadow.wants(match))
      return this.check(context, asked, match, produce);
    if (match) return this.outcomes.hit(context, asked, match);
    const miss = (): Promise<ChatReply> => this.miss(context, asked, lease, produce);
    return stale ? this.orStale(context, asked, stale, miss) : miss();
  }

  /** What `answer` would do now. Calls no provider, counts no hit or miss, and keeps no answer. */
  async explain(context: GatewayContext, headers: IncomingHttpHeaders): Promise<CacheExplanation> {
    const request = requestOf(context);
    const { config } = this.questions;
    const { mode, threshold } = policyFor(config, request.model);
    const nothing = { mode, threshold, match: null, refused: [] };
    const controls = readCacheControls(headers);
    const why = config.enabled ? whyBypassed(controls, request) : 'off';
    if (why !== null) return { ...nothing, status: 'bypass', why };
    const asked = this.questions.describe(context, controls);
    const seen = context.decisions.length;
    const { isFree } = this.lookup;
    const found = await this.lookup.find(context, asked, { mayLookFurther: isFree });
    if (found === 'away') return { ...nothing, status: 'bypass', why: 'store_away' };
    const { match, traced } = found;
    await traced;
    const made = context.decisions.slice(seen);
    const reason = made.find(({ what }) => what === 'not_compared')?.facts['why'];
    return {
      ...nothing,
      threshold: asked.threshold,
      status: match ? statusOf(match.tier) : 'miss',
      why: isFree ? ((reason as string | undefined) ?? null) : 'encoder_not_asked',
      match: match && { entry: match.entry.id, tier: match.tier, similarity: match.similarity },
      refused: made.filter(({ what }) => what === 'refused').map(({ facts }) => facts),
    };
  }

  private async orStale(context: GatewayContext, asked: Asked, stale: CacheEntry, miss: Produce) {
    try {
      return await miss();
    } catch (error) {
      if (!isOutage(error) || context.signal.aborted) throw error;
      return this.outcomes.standIn(context, asked, stale, error.status);
    }
  }

  private async miss(
    context: GatewayContext,
    asked: Asked,
    lease: LookedUp['lease'],
    produce: Produce,
  ): Promise<ChatReply> {
    if (asked.controls.onlyIfCached) {
      this.outcomes.miss(context);
      throw new OnlyIfCachedError();
    }
    const boarding = await this.flights.board(context, asked, lease);
    if ('match' in boarding) return this.outcomes.hit(context, asked, boarding.match);
    if ('following' in boarding) return this.outcomes.follow(context, asked, boarding.following);
    this.outcomes.miss(context);
    const onStored = (made: CacheEntry): void => this.outcomes.judge.consider(context, asked, made);
    return this.recorder.record(context, asked, boarding.flight, { produce, onStored });
  }

  /** Asks the provider in spite of a hit, to see whether it would have been right. When all providers fail, it is given. */
  private async check(context: GatewayContext, asked: Asked, match: Match, produce: Produce): Promise<ChatReply> {
    const { outcomes } = this;
    outcomes.shadow.charge(context);
    const onStored = (made: CacheEntry): void => outcomes.shadow.compare(context, asked, match, made);
    const produceMiss = async (): Promise<ChatReply> => {
      const reply = await produce();
      outcomes.miss(context, 'shadow');
      return reply;
    };
    try {
      return await this.recorder.record(context, asked, this.flights.lead(asked), { produce: produceMiss, onStored });
    } catch (error) {
      if (isOutage(error) && !context.signal.aborted) return outcomes.hit(context, asked, match);
      outcomes.miss(context, 'shadow');
      throw error;
    }
  }

  private bypass(context: GatewayContext, why: string, controls: CacheControls, produce: Produce): Promise<ChatReply> {
    this.outcomes.bypass(context, why);
    if (controls.onlyIfCached) throw new OnlyIfCachedError();
    return produce();
  }
}

function requestOf({ request }: GatewayContext): InferenceRequest {
  if (!request) throw new Error('RequestGuard has not run');
  return request;
}

/** Null when they make no sense: `answer` says what is wrong with them. */
function controlsIn(headers: IncomingHttpHeaders): CacheControls | null {
  try {
    return readCacheControls(headers);
  } catch {
    return null;
  }
}

/** Whether every provider failed, by no fault of the caller's. */
const isOutage = (error: unknown): error is ProviderChainError =>
  error instanceof ProviderChainError && (error.status >= 500 || error.status === 429);

/** Why no stored answer may be given; null when one may. */
function whyBypassed(controls: CacheControls, request: InferenceRequest): string | null {
  if (controls.noStore) return 'no_store';
  return whyNotCached(request) ?? (controls.noCache ? 'no_cache' : null);
}
