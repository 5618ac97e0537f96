import type { GatewayContext, Identity, Served, TargetName } from '../core/context';
import type { NanoUsd } from '../core/money';
import { NO_USAGE, type TokenUsage, type UsageSource } from '../core/tokens';
import { pricedServiceTier, tierFor, type ModelPrice, type PriceTier } from './model-price';
import { isoTime, storableJson, storableList, textJson } from './record-text';
import type { Settlement } from './usage-meter';
import type { AskedColumns, AttemptRow, Booking, Charge, RequestRow, TokenColumns } from './usage-rows';

/**
 * Rows are written as JSON text from the beginning: nobody reads them again before the database does. What many rows
 * share (the caller, the prices) is put into text once.
 */
type Members = string;

const NO_TOKENS: TokenColumns = {
  input_tokens: 0,
  cache_read_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  input_audio_tokens: 0,
  input_image_tokens: 0,
  output_tokens: 0,
  reasoning_tokens: 0,
  output_audio_tokens: 0,
  output_image_tokens: 0,
  web_searches: 0,
};

/** What was recorded of a request whose process died: its row says so. */
const INTERRUPTED = { status: 500, error_code: 'gateway_interrupted' };
/** The client left before there was an answer. */
const CLIENT_GONE = { status: 499, errorCode: 'client_closed' };

const whoTexts = new WeakMap<Identity, Members>();

/** The columns of the caller. */
export function whoMembers(identity: Identity): Members {
  const known = whoTexts.get(identity);
  if (known !== undefined) return known;
  const members =
    `"key_id":${textJson(identity.keyId)},"key_name":${textJson(identity.keyName)},"user_id":${textJson(identity.userId)},` +
    `"team_id":${textJson(identity.teamId)},"department_id":${textJson(identity.departmentId)}`;
  whoTexts.set(identity, members);
  return members;
}

/** Providers may send fractions or worse; a row holds whole counts. */
const whole = (tokens: number): number =>
  Number.isFinite(tokens) && tokens > 0 ? Math.min(Math.ceil(tokens), Number.MAX_SAFE_INTEGER) : 0;

const member = (name: keyof TokenColumns, tokens: number): Members =>
  tokens === 0 ? '' : `,"${name}":${whole(tokens)}`;

/** Most calls have two kinds of tokens; what is not named is none. */
const tokenMembers = (usage: TokenUsage): Members =>
  `"input_tokens":${whole(usage.inputTokens)},"output_tokens":${whole(usage.outputTokens)}` +
  member('cache_read_tokens', usage.cacheReadTokens) +
  member('cache_write_5m_tokens', usage.cacheWrite5mTokens) +
  member('cache_write_1h_tokens', usage.cacheWrite1hTokens) +
  member('input_audio_tokens', usage.inputAudioTokens) +
  member('input_image_tokens', usage.inputImageTokens) +
  member('output_image_tokens', usage.outputImageTokens) +
  member('reasoning_tokens', usage.reasoningTokens) +
  member('output_audio_tokens', usage.outputAudioTokens) +
  member('web_searches', usage.webSearches);

const priceTexts = new WeakMap<ModelPrice, Map<PriceTier, Members>>();

/** The price and its units for a prompt of this size, served in this tier. */
export function priceMembers(price: ModelPrice, inputTokens: number, serviceTier?: string): Members {
  const tier = tierFor(price, inputTokens, serviceTier);
  let tiers = priceTexts.get(price);
  if (!tiers) priceTexts.set(price, (tiers = new Map()));
  const known = tiers.get(tier);
  if (known !== undefined) return known;
  const members =
    `"price_id":${textJson(price.id)},"price_source":"${price.source}",` +
    `"service_tier":${textJson(pricedServiceTier(price, serviceTier))},` +
    `"input_price_pico":"${tier.input}","cache_read_price_pico":"${tier.cacheRead}",` +
    `"cache_write_5m_price_pico":"${tier.cacheWrite5m}","cache_write_1h_price_pico":"${tier.cacheWrite1h}",` +
    `"input_audio_price_pico":"${tier.inputAudio}","input_image_price_pico":"${tier.inputImage}",` +
    `"output_price_pico":"${tier.output}","output_image_price_pico":"${tier.outputImage}",` +
    `"reasoning_price_pico":"${tier.reasoning}","output_audio_price_pico":"${tier.outputAudio}",` +
    `"web_search_price_pico":"${price.webSearch}","request_price_pico":"${price.request}"`;
  tiers.set(tier, members);
  return members;
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
  /** The budgets that pay for it. */
  readonly charges: readonly Charge[];
}

/** The records of one attempt, from what is known before it is made. */
export class AttemptRecord {
  private readonly members: Members;
  private readonly startedAt: string;

  constructor(
    private readonly facts: IntentFacts,
    who: Members,
  ) {
    this.startedAt = isoTime(facts.startedAtMs);
    this.members =
      `"id":"${facts.id}","request_id":"${facts.requestId}","index":${facts.index},` +
      `"provider":${textJson(facts.target.provider)},"model":${textJson(facts.target.model)},` +
      `"started_at":"${this.startedAt}","price_version":${textJson(facts.priceVersion)},${who}`;
  }

  /** Before the attempt: the row it becomes when nothing more is heard of it, what it would cost, and what was asked. */
  intent(asked: string): string {
    const { reserved, price } = this.facts;
    const row =
      `{${this.members},"status":"in_doubt","usage_source":"reserved",${tokenMembers(reserved.usage)},` +
      `${priceMembers(price, reserved.usage.inputTokens, reserved.usage.serviceTier)},"cost_nano_usd":"${reserved.costNanoUsd}"}`;
    return `${row}\n${this.booking(reserved.costNanoUsd)}\n${asked}`;
  }

  /** Its end: the row, and what it cost. */
  settled({ outcome, usage, source, costNanoUsd, latencyMs, ttfbMs }: Settlement): string {
    const row =
      `{${this.members},"served_model":${textJson(outcome.servedModel)},"status":"${outcome.status}",` +
      `"http_status":${outcome.httpStatus},"error":${textJson(outcome.error)},"usage_source":"${source}",` +
      `${tokenMembers(usage)},${priceMembers(this.facts.price, usage.inputTokens, usage.serviceTier)},"cost_nano_usd":"${costNanoUsd}",` +
      `"latency_ms":${Math.round(latencyMs)},"ttfb_ms":${ttfbMs === null ? null : Math.round(ttfbMs)}}`;
    return this.facts.charges.length === 0 ? row : `${row}\n${this.booking(costNanoUsd)}`;
  }

  private booking(costNanoUsd: NanoUsd): string {
    const { id, charges } = this.facts;
    if (charges.length === 0) return 'null';
    const booking: Booking = { id, cost_nano_usd: costNanoUsd.toString(), started_at: this.startedAt, charges };
    return JSON.stringify(booking);
  }
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

/** What is known of a request before it is answered; the same from its first attempt to its end. */
export const askedMembers = ({
  startedAtMs,
  endpoint,
  dialect,
  askedModel,
  request,
  plan,
  metadata,
  configVersion,
}: GatewayContext) =>
  `"started_at":"${isoTime(startedAtMs)}","endpoint":${textJson(endpoint)},"dialect":"${dialect}",` +
  `"requested_model":${textJson(askedModel ?? request?.model ?? plan?.requestedModel ?? null)},"stream":${request?.stream ?? false},` +
  `"metadata":${metadata ? storableJson(metadata) : null},"config_version":${textJson(configVersion ?? '')}`;

/** What the intent of an attempt keeps of its request. */
export const askedText = (asked: Members, { cacheStatus }: GatewayContext): string =>
  `{${asked},"cache_status":"${cacheStatus}"}`;

/** The row of a request that is over. */
export function requestText(
  context: GatewayContext,
  { asked, who }: { readonly asked: Members; readonly who: Members },
  totals: AttemptTotals,
): string {
  const latencyMs = context.elapsedMs();
  const { firstByteAtMs } = context;
  const outcome = context.outcome ?? CLIENT_GONE;
  const ttfbMs = firstByteAtMs === undefined ? null : Math.round(firstByteAtMs - context.startedMonotonicMs);
  const overheadMs = Math.round((context.overheadMs ?? Math.max(0, latencyMs - context.upstreamMs)) * 1000) / 1000;
  return (
    `{"id":"${context.requestId}",${asked},${who},${servedMembers(context.served, totals)},` +
    `"status":${outcome.status},"error_code":${textJson(outcome.errorCode)},"cache_status":"${context.cacheStatus}",` +
    `"attempts":${totals.attempts},${tokenMembers(totals.usage)},"cost_nano_usd":"${totals.costNanoUsd}",` +
    `"saved_nano_usd":"${context.savedNanoUsd}","usage_source":${textJson(totals.source)},` +
    `"price_version":${textJson(totals.priceVersion)},"latency_ms":${Math.round(latencyMs)},"ttfb_ms":${ttfbMs},` +
    `"overhead_ms":${overheadMs},` +
    `"decisions":${storableList(context.decisions, { stage: 'reply', what: 'trace cut', facts: {} })}}`
  );
}

/** Who answered; without an answer, who was asked last. */
function servedMembers(served: Served | undefined, { target, servedModel }: AttemptTotals): Members {
  const named = served ?? target;
  return (
    `"provider":${textJson(named?.provider ?? null)},"model":${textJson(named?.model ?? null)},` +
    `"served_model":${textJson(servedModel)},"fallback":${served?.fallback ?? false}`
  );
}

/** The row of a request whose end is never heard of; its sums are filled in from the attempts that are stored. */
export function interruptedRow(attempt: AttemptRow, asked: AskedColumns): RequestRow {
  const { provider, model, price_version, key_id, key_name, user_id, team_id, department_id } = attempt;
  return {
    ...asked,
    ...NO_TOKENS,
    ...INTERRUPTED,
    id: attempt.request_id,
    key_id,
    key_name,
    user_id,
    team_id,
    department_id,
    provider,
    model,
    served_model: null,
    fallback: false,
    attempts: attempt.index,
    cost_nano_usd: '0',
    saved_nano_usd: '0',
    usage_source: 'reserved',
    price_version,
    latency_ms: null,
    ttfb_ms: null,
    overhead_ms: null,
    decisions: null,
  };
}
