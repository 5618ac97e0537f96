import type { GatewayContext, Identity, Served, TargetName } from '../core/context';
import type { NanoUsd } from '../core/money';
import { NO_USAGE, type TokenUsage, type UsageSource } from '../core/tokens';
import { pricedServiceTier, tierFor, type ModelPrice } from './model-price';
import { storable, storableJson, storableList } from './record-text';
import type { Settlement } from './usage-meter';
import type { AttemptRow, PriceColumns, RequestRow, TokenColumns, WhoColumns } from './usage-rows';

/** What was recorded of a request whose process died: its row says so. */
const INTERRUPTED = { status: 500, errorCode: 'gateway_interrupted' };
/** The client left before there was an answer. */
const CLIENT_GONE = { status: 499, errorCode: 'client_closed' };

export const whoColumns = (identity: Identity): WhoColumns => ({
  key_id: identity.keyId,
  key_name: storable(identity.keyName),
  user_id: identity.userId,
  team_id: identity.teamId,
  department_id: identity.departmentId,
});

/** Providers may send fractions or worse; a row holds whole counts. */
const whole = (tokens: number): number =>
  Number.isFinite(tokens) && tokens > 0 ? Math.min(Math.ceil(tokens), Number.MAX_SAFE_INTEGER) : 0;

const tokenColumns = (usage: TokenUsage): TokenColumns => ({
  input_tokens: whole(usage.inputTokens),
  cache_read_tokens: whole(usage.cacheReadTokens),
  cache_write_5m_tokens: whole(usage.cacheWrite5mTokens),
  cache_write_1h_tokens: whole(usage.cacheWrite1hTokens),
  input_audio_tokens: whole(usage.inputAudioTokens),
  input_image_tokens: whole(usage.inputImageTokens),
  output_tokens: whole(usage.outputTokens),
  reasoning_tokens: whole(usage.reasoningTokens),
  output_audio_tokens: whole(usage.outputAudioTokens),
  output_image_tokens: whole(usage.outputImageTokens),
  web_searches: whole(usage.webSearches),
});

/** The prices of the tier that a prompt of this size is charged at. */
function priceColumns(price: ModelPrice, inputTokens: number, serviceTier?: string): PriceColumns {
  const tier = tierFor(price, inputTokens, serviceTier);
  return {
    input_price_pico: tier.input.toString(),
    cache_read_price_pico: tier.cacheRead.toString(),
    cache_write_5m_price_pico: tier.cacheWrite5m.toString(),
    cache_write_1h_price_pico: tier.cacheWrite1h.toString(),
    input_audio_price_pico: tier.inputAudio.toString(),
    input_image_price_pico: tier.inputImage.toString(),
    output_price_pico: tier.output.toString(),
    reasoning_price_pico: tier.reasoning.toString(),
    output_audio_price_pico: tier.outputAudio.toString(),
    output_image_price_pico: tier.outputImage.toString(),
    web_search_price_pico: price.webSearch.toString(),
    request_price_pico: price.request.toString(),
  };
}

export interface IntentFacts {
  readonly id: string;
  readonly requestId: string;
  readonly index: number;
  readonly target: TargetName;
  readonly startedAtMs: number;
  readonly price: ModelPrice;
  readonly priceVersion: string;
  /** What the attempt counts as when its end is never heard of. */
  readonly reserved: { readonly usage: TokenUsage; readonly costNanoUsd: NanoUsd };
}

/** The row of an attempt whose end is not known. */
export function inDoubtRow(facts: IntentFacts, who: WhoColumns): AttemptRow {
  const { price, target, reserved } = facts;
  return {
    id: facts.id,
    request_id: facts.requestId,
    index: facts.index,
    provider: storable(target.provider),
    model: storable(target.model),
    served_model: null,
    started_at: new Date(facts.startedAtMs).toISOString(),
    status: 'in_doubt',
    http_status: null,
    error: null,
    ...tokenColumns(reserved.usage),
    usage_source: 'reserved',
    price_id: storable(price.id),
    price_source: price.source,
    price_version: facts.priceVersion,
    service_tier: null,
    ...priceColumns(price, reserved.usage.inputTokens),
    cost_nano_usd: reserved.costNanoUsd.toString(),
    latency_ms: null,
    ttfb_ms: null,
    ...who,
  };
}

/** The row of an attempt that ended. */
export function settledRow(intent: AttemptRow, price: ModelPrice, settlement: Settlement): AttemptRow {
  const { outcome, usage } = settlement;
  return {
    ...intent,
    served_model: storable(outcome.servedModel),
    status: outcome.status,
    http_status: outcome.httpStatus,
    error: storable(outcome.error),
    ...tokenColumns(usage),
    usage_source: settlement.source,
    service_tier: storable(pricedServiceTier(price, usage.serviceTier)),
    ...priceColumns(price, usage.inputTokens, usage.serviceTier),
    cost_nano_usd: settlement.costNanoUsd.toString(),
    latency_ms: Math.round(settlement.latencyMs),
    ttfb_ms: settlement.ttfbMs === null ? null : Math.round(settlement.ttfbMs),
  };
}

/** What the attempts of a request come to. */
export interface AttemptTotals {
  readonly attempts: number;
  readonly target: TargetName | null;
  readonly servedModel: string | null;
  readonly usage: TokenUsage;
  readonly costNanoUsd: NanoUsd;
  readonly source: UsageSource | null;
  readonly priceVersion: string | null;
}

export const NO_ATTEMPTS: AttemptTotals = {
  attempts: 0,
  target: null,
  servedModel: null,
  usage: NO_USAGE,
  costNanoUsd: 0n,
  source: null,
  priceVersion: null,
};

/** The row of a request that is over. */
export function requestRow(context: GatewayContext, who: WhoColumns, totals: AttemptTotals): RequestRow {
  const latencyMs = context.elapsedMs();
  const { firstByteAtMs } = context;
  return {
    ...draftRow(context, who, totals, context.outcome ?? CLIENT_GONE),
    latency_ms: Math.round(latencyMs),
    ttfb_ms: firstByteAtMs === undefined ? null : Math.round(firstByteAtMs - context.startedMonotonicMs),
    overhead_ms: Math.round((context.overheadMs ?? Math.max(0, latencyMs - context.upstreamMs)) * 1000) / 1000,
    decisions: storableList(context.decisions, { stage: 'reply', what: 'trace cut', facts: {} }),
  };
}

/** The row of a request whose end is never heard of; its sums are filled in from the attempts that are stored. */
export const interruptedRow = (context: GatewayContext, who: WhoColumns, totals: AttemptTotals): RequestRow =>
  draftRow(context, who, totals, INTERRUPTED);

function draftRow(
  context: GatewayContext,
  who: WhoColumns,
  totals: AttemptTotals,
  outcome: { readonly status: number; readonly errorCode: string | null },
): RequestRow {
  return {
    id: context.requestId,
    started_at: new Date(context.startedAtMs).toISOString(),
    ...who,
    endpoint: storable(context.endpoint),
    dialect: context.dialect,
    ...askedColumns(context),
    ...servedColumns(context.served, totals),
    status: outcome.status,
    error_code: storable(outcome.errorCode),
    cache_status: context.cacheStatus,
    attempts: totals.attempts,
    ...tokenColumns(totals.usage),
    cost_nano_usd: totals.costNanoUsd.toString(),
    saved_nano_usd: context.savedNanoUsd.toString(),
    usage_source: totals.source,
    price_version: totals.priceVersion,
    config_version: context.configVersion ?? '',
    latency_ms: null,
    ttfb_ms: null,
    overhead_ms: null,
    decisions: null,
  };
}

const askedColumns = ({ request, plan, metadata }: GatewayContext) => ({
  requested_model: storable(request?.model ?? plan?.requestedModel ?? null),
  stream: request?.stream ?? false,
  metadata: metadata ? storableJson(metadata) : null,
});

/** Who answered; without an answer, who was asked last. */
function servedColumns(served: Served | undefined, { target, servedModel }: AttemptTotals) {
  const named = served ?? target;
  return {
    provider: storable(named?.provider ?? null),
    model: storable(named?.model ?? null),
    served_model: storable(servedModel),
    fallback: served?.fallback ?? false,
  };
}
