import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import type { ChatReply } from '../core/reply';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { replay } from './answers/replay';
import { choose, describe, isUsable, sameQuestion, type Asked, type Match } from './asked';
import { CacheConfig } from './cache.config';
import { OnlyIfCachedError } from './cache.errors';
import { CacheKeys } from './cache-keys';
import { CacheMetrics } from './cache.metrics';
import { whyNotCached } from './eligibility';
import { Flights, within } from './flights';
import { HitBook } from './hit-book';
import { AnswerRecorder } from './answer-recorder';
import { readCacheControls, type CacheControls } from './request-controls';
import { CacheStore } from './store/cache.store';
import { PatientStore } from './store/patient-store';

/** How long a request waits for the same one before it asks for itself. */
const FOLLOW_MS = 10_000;

type Produce = () => Promise<ChatReply>;

/** Answers from what was answered before, when that is as good; otherwise lets the request through and keeps its answer. */
@Injectable()
export class CacheService {
  readonly hits = new HitBook();
  private readonly flights = new Flights();
  private readonly store: PatientStore;
  private readonly recorder: AnswerRecorder;

  constructor(
    store: CacheStore,
    private readonly keys: CacheKeys,
    private readonly config: LiveConfig,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {
    this.store = new PatientStore(store, metrics, clock);
    this.recorder = new AnswerRecorder(this.store, metrics, clock);
  }

  get isEnabled(): boolean {
    return this.config.section(CacheConfig).enabled;
  }

  /** The stored answer, or what `produce` gives; throws what `produce` throws, and 400 for headers that make no sense. */
  async answer(context: GatewayContext, headers: IncomingHttpHeaders, produce: Produce): Promise<ChatReply> {
    const { request } = context;
    if (!request) throw new Error('RequestGuard has not run');
    const controls = readCacheControls(headers);
    const why = controls.noStore ? 'no_store' : whyNotCached(request);
    if (why !== null) return this.bypass(context, why, controls, produce);
    const asked = describe(this.keys.fingerprint, context, this.config.section(CacheConfig), controls);
    if (controls.noCache) {
      const flight = this.flights.lead(asked.print.id);
      return this.bypass(context, 'no_cache', controls, () => this.recorder.record(context, asked, flight, produce));
    }
    const match = await this.lookUp(context, asked);
    if (match === 'away') return this.bypass(context, 'store_away', controls, produce);
    if (match) return this.serve(context, asked, match);
    if (controls.onlyIfCached) throw this.refuseNew(context);
    return this.miss(context, asked, produce);
  }

  private async lookUp(context: GatewayContext, asked: Asked): Promise<Match | null | 'away'> {
    const found = await this.store.find(asked.print.id, asked.words);
    if (found === null) return 'away';
    const { match, refused } = choose(found, asked, this.clock.now());
    for (const { entryId, similarity, reasons } of refused) {
      context.decide('cache', 'refused', { entry: entryId, similarity, reasons });
    }
    return match;
  }

  private async miss(context: GatewayContext, asked: Asked, produce: Produce): Promise<ChatReply> {
    const shared = await this.follow(context, asked);
    if (shared) return this.serve(context, asked, shared);
    this.metrics.miss();
    context.cacheStatus = 'miss';
    context.cacheReport = { hit: null, detail: null };
    context.decide('cache', 'miss');
    const flight = this.flights.lead(asked.print.id);
    return this.recorder.record(context, asked, flight, produce);
  }

  /** The answer of the same request that is being answered right now; null when there is none, or not soon. */
  private async follow(context: GatewayContext, asked: Asked): Promise<Match | null> {
    const landed = canShare(asked) ? this.flights.following(asked.print.id) : null;
    if (!landed) return null;
    const waitMs = context.timeoutMs === undefined ? FOLLOW_MS : Math.min(FOLLOW_MS, context.timeoutMs / 2);
    const startedMs = this.clock.monotonic();
    const entry = await within(landed, waitMs, context.signal);
    // Waiting for somebody else's provider call is not the gateway's own time.
    context.upstreamMs += this.clock.monotonic() - startedMs;
    if (!entry || !isUsable(entry, asked, this.clock.now())) return null;
    return { ...sameQuestion(entry, asked), tier: 'coalesced' };
  }

  private serve(context: GatewayContext, asked: Asked, { entry, tier, similarity }: Match): ChatReply {
    const { provider, model, fallback, costNanoUsd } = entry.origin;
    const ageMs = Math.max(0, this.clock.now() - entry.createdAtMs);
    context.cacheStatus = tier === 'semantic' ? 'semantic-hit' : 'hit';
    context.savedNanoUsd = costNanoUsd;
    context.served = { provider, model, attempts: 0, fallback };
    const ttlSeconds = Math.max(0, Math.floor((entry.expiresAtMs - this.clock.now()) / 1000));
    context.cacheReport = { hit: { similarity, ageSeconds: Math.floor(ageMs / 1000), ttlSeconds }, detail: tier };
    const asOf = { entry: entry.id, asked: asked.print.id, scope: asked.scope, tier, similarity };
    context.decide('cache', context.cacheStatus, { ...asOf, age_ms: ageMs });
    this.metrics.hit(tier, costNanoUsd);
    this.hits.note(context.requestId, { entryId: entry.id, askedId: asked.print.id, scope: asked.scope, tier });
    const { stream, includeUsage } = asked.request;
    return replay(entry, { stream, includeUsage });
  }

  private bypass(context: GatewayContext, why: string, controls: CacheControls, produce: Produce): Promise<ChatReply> {
    context.cacheStatus = 'bypass';
    context.cacheReport = { hit: null, detail: why };
    context.decide('cache', 'bypass', { why });
    this.metrics.bypass();
    if (controls.onlyIfCached) throw new OnlyIfCachedError();
    return produce();
  }

  private refuseNew(context: GatewayContext): OnlyIfCachedError {
    this.metrics.miss();
    context.cacheStatus = 'miss';
    context.cacheReport = { hit: null, detail: null };
    return new OnlyIfCachedError();
  }
}

/** A request with tools mostly ends in a call of one, which nobody can share: waiting for it would be in vain. */
const canShare = ({ request }: Asked): boolean => {
  const { tools } = request.document.value;
  return !Array.isArray(tools) || tools.length === 0;
};
