import type { InferenceRequest } from '../core/chat';
import type { GatewayContext } from '../core/context';
import type { CacheEntry } from './answers/cache-entry';
import { policyFor, type CacheConfig, type CacheMode } from './cache.config';
import type { CacheTier } from './cache.metrics';
import { maySubstitute } from './eligibility';
import { fingerprint, partitionKey, scopeOf, type Fingerprint } from './fingerprint';
import { compareTexts } from './guard/compare';
import { signatureOf } from './guard/signature';
import type { CacheControls } from './request-controls';
import type { Found } from './store/cache.store';

/** One question as the cache sees it. */
export interface Asked {
  readonly request: InferenceRequest;
  readonly controls: CacheControls;
  readonly print: Fingerprint;
  readonly scope: string;
  /** The key under which questions of the same words find each other; null where only the same question will do. */
  readonly words: string | null;
  readonly mode: CacheMode;
  /** Whether another question's answer may do at all. */
  readonly isOpen: boolean;
  readonly ttlSeconds: number;
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
  return {
    request,
    controls,
    print,
    scope,
    isOpen,
    words: isOpen ? wordsOf(secret, print) : null,
    mode: policy.mode,
    ttlSeconds: policy.ttlSeconds,
    threshold: Math.max(policy.threshold, controls.threshold ?? 0),
  };
}

function wordsOf(secret: Buffer, print: Fingerprint): string | null {
  const signature = print.text === null ? null : signatureOf(print.text);
  return signature === null ? null : partitionKey(secret, print.partition, signature);
}

/** Whether the entry may be given to this caller now, whatever question it answers. */
export function isUsable(entry: CacheEntry, asked: Asked, nowMs: number): boolean {
  const { controls, scope, request, ttlSeconds } = asked;
  const ageMs = nowMs - entry.createdAtMs;
  if (entry.expiresAtMs <= nowMs || ageMs > ttlSeconds * 1000) return false;
  if (controls.maxAgeSeconds !== null && ageMs > controls.maxAgeSeconds * 1000) return false;
  if (controls.noFallback && entry.origin.fallback) return false;
  // The key says so already; this is the second lock on the same door.
  return entry.scope === scope && entry.requestedModel === request.model;
}

/** The same question, and whether it is the same to the letter. */
export function sameQuestion(entry: CacheEntry, { print }: Asked): Match {
  return { entry, tier: entry.exact === print.exact ? 'exact' : 'canonical', similarity: 1 };
}

/** The best answer of what was found, and what was near and refused. */
export function choose(found: Found, asked: Asked, nowMs: number): { match: Match | null; refused: Refused[] } {
  const { entry } = found;
  if (entry && isUsable(entry, asked, nowMs)) return { match: sameQuestion(entry, asked), refused: [] };
  const refused: Refused[] = [];
  let best: Match | null = null;
  for (const other of found.alike) {
    if (!isUsable(other, asked, nowMs) || other.text === null || asked.print.text === null) continue;
    const { reasons, similarity } = compareTexts(other.text, asked.print.text);
    const isNear = similarity >= asked.threshold;
    if (reasons.length === 0 && isNear) {
      if (!best || similarity > best.similarity) best = { entry: other, tier: 'semantic', similarity };
    } else refused.push({ entryId: other.id, similarity, reasons: isNear ? reasons : [...reasons, 'threshold'] });
  }
  return { match: best, refused };
}
