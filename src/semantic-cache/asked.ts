import type { InferenceRequest } from '../core/chat';
import type { GatewayContext, Identity } from '../core/context';
import type { CacheEntry } from './answers/cache-entry';
import { policyFor, type CacheConfig, type CacheMode } from './cache.config';
import type { CacheTier } from './cache.metrics';
import { maySubstitute } from './eligibility';
import { fingerprint, partitionKey, scopeOf, type Fingerprint } from './fingerprint';
import { compareTexts } from './guard/compare';
import { parseText, type ParsedText } from './guard/parse-text';
import { signatureOf } from './guard/signature';
import type { CacheControls } from './request-controls';
import type { Found } from './store/cache.store';

/** One question as the cache sees it. */
export interface Asked {
  /** Who asks, and pays for what the question costs. */
  readonly identity: Identity;
  readonly request: InferenceRequest;
  readonly controls: CacheControls;
  readonly print: Fingerprint;
  readonly scope: string;
  /** The text as the guard compares it; null where it cannot, and where no other question's answer will do. */
  readonly parsed: ParsedText | null;
  /** The key under which questions of the same words find each other; null where only the same question will do. */
  readonly words: string | null;
  readonly mode: CacheMode;
  /** Whether another question's answer may do at all. */
  readonly isOpen: boolean;
  readonly ttlSeconds: number;
  /** Whether an answer will do that a judge has found to answer this question too. */
  readonly followsLinks: boolean;
  /** How long past its time an answer may stand in for providers that fail. */
  readonly staleMs: number;
  /** The least similarity of another question whose answer will do. */
  readonly threshold: number;
}

/** A stored answer that will do. */
export interface Match {
  readonly entry: CacheEntry;
  readonly tier: CacheTier;
  /** 1 for the same question. */
  readonly similarity: number;
}

/** Why an answer that was near will not do, for the trace. */
export interface Refused {
  readonly entryId: string;
  readonly similarity: number;
  readonly reasons: readonly string[];
}

export function describe(
  secret: Buffer,
  { identity, request }: GatewayContext,
  config: CacheConfig,
  controls: CacheControls,
): Asked {
  if (!identity || !request)
    throw new Error('The cache is asked for a known caller and request: guards ran out of order');
  const scope = scopeOf(identity, config.scope);
  const print = fingerprint(secret, scope, request);
  const policy = policyFor(config, request.model);
  const isOpen = print.text !== null && print.isSingleTurn && maySubstitute(request);
  const parsed = isOpen && print.text !== null ? parseText(print.text) : null;
  const signature = parsed && signatureOf(parsed);
  return {
    identity,
    request,
    controls,
    print,
    scope,
    isOpen,
    parsed,
    words: signature && partitionKey(secret, print.partition, signature),
    mode: policy.mode,
    ttlSeconds: policy.ttlSeconds,
    followsLinks: config.judge.model !== undefined,
    staleMs: config.stale_if_error ?? 0,
    threshold: Math.max(policy.threshold, controls.threshold ?? 0),
  };
}

/** Whether the entry may be given to this caller now, whatever question it answers. */
export function isUsable(entry: CacheEntry, asked: Asked, nowMs: number): boolean {
  const { maxAgeSeconds } = asked.controls;
  if (endOf(entry, asked) <= nowMs) return false;
  if (maxAgeSeconds !== null && nowMs - entry.createdAtMs > maxAgeSeconds * 1000) return false;
  return mayBeGiven(entry, asked);
}

/**
 * Whether the answer to the same question, past its time, may stand in for providers that fail. Who sets a `max-age` takes
 * no older answer, unless `stale-if-error` says how much older.
 */
export function mayStandIn(entry: CacheEntry, asked: Asked, nowMs: number): boolean {
  const { maxAgeSeconds, staleIfErrorSeconds } = asked.controls;
  const allowedMs = staleIfErrorSeconds ?? (maxAgeSeconds === null ? Infinity : 0);
  const staleMs = Math.min(asked.staleMs, allowedMs * 1000);
  const end = Math.min(endOf(entry, asked), entry.createdAtMs + (maxAgeSeconds ?? Infinity) * 1000);
  return staleMs > 0 && nowMs < end + staleMs && mayBeGiven(entry, asked);
}

/** The configured time may have become shorter since the entry was made. */
const endOf = ({ expiresAtMs, createdAtMs }: CacheEntry, { ttlSeconds }: Asked): number =>
  Math.min(expiresAtMs, createdAtMs + ttlSeconds * 1000);

function mayBeGiven(entry: CacheEntry, { controls, scope, request }: Asked): boolean {
  if (controls.noFallback && entry.origin.fallback) return false;
  // The key says so already; this is the second lock on the same door.
  return entry.scope === scope && entry.requestedModel === request.model;
}

/** A link counts while a judge is configured, and for callers who want no more likeness than the two questions have. */
const isLinkGood = (
  { entry, similarity }: NonNullable<Found['linked']>,
  { followsLinks, controls, print }: Asked,
): boolean => followsLinks && similarity >= (controls.threshold ?? 0) && entry.partition === print.partition;

/** The same question, and whether it is the same to the letter. */
export function sameQuestion(entry: CacheEntry, { print }: Asked): Match {
  return { entry, tier: entry.exact === print.exact ? 'exact' : 'canonical', similarity: 1 };
}

/** What was found, judged. */
export interface Choice {
  /** The best answer that will do. */
  readonly match: Match | null;
  /** The answer to the same question that may stand in when every provider fails. */
  readonly stale: CacheEntry | null;
  /** What was near and will not do. */
  readonly refused: readonly Refused[];
}

export function choose(found: Found, asked: Asked, nowMs: number): Choice {
  const { entry } = found;
  const stale = entry && mayStandIn(entry, asked, nowMs) ? entry : null;
  return { ...chooseFresh(found, asked, nowMs), stale };
}

function chooseFresh(found: Found, asked: Asked, nowMs: number): Omit<Choice, 'stale'> {
  const { entry, linked } = found;
  if (entry && isUsable(entry, asked, nowMs)) return { match: sameQuestion(entry, asked), refused: [] };
  if (linked && isLinkGood(linked, asked) && isUsable(linked.entry, asked, nowMs))
    return { match: { ...linked, tier: 'alias' }, refused: [] };
  return chooseAlike(
    found.alike.filter((other) => isUsable(other, asked, nowMs)),
    asked,
  );
}

/** Of entries of the same words. */
function chooseAlike(alike: readonly CacheEntry[], asked: Asked): Omit<Choice, 'stale'> {
  const refused: Refused[] = [];
  let best: Match | null = null;
  for (const other of alike) {
    if (other.text === null || asked.print.text === null) continue;
    const { reasons, similarity } = compareTexts(other.text, asked.print.text);
    const isNear = similarity >= asked.threshold;
    if (reasons.length === 0 && isNear) {
      if (!best || similarity > best.similarity) best = { entry: other, tier: 'semantic', similarity };
    } else refused.push({ entryId: other.id, similarity, reasons: isNear ? reasons : [...reasons, 'threshold'] });
  }
  return { match: best, refused };
}
