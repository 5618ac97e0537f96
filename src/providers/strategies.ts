import { createHash } from 'node:crypto';
import type { InferenceRequest, JsonObject } from '../core/chat';
import type { NanoUsd } from '../core/money';
import type { Strategy } from './models.config';
import type { ResolvedTarget, RouteGroup } from './route-table';

/** What is known of the targets at the moment of a request. */
export interface TargetView {
  /** The time an answer of the expected length would take; 0 when never measured. */
  expectedMs(target: ResolvedTarget): number;
  /** null when no price is known. */
  cost(target: ResolvedTarget): NanoUsd | null;
  activeCalls(target: ResolvedTarget): number;
  /** From 0 (included) to 1: for one target of one request. */
  draw(target: ResolvedTarget): number;
  /** The conversation was here a moment ago, and nothing stands against this target now. */
  isHome(target: ResolvedTarget): boolean;
}

/** A target with what put it where it is; the lowest score goes first. */
export interface ScoredTarget {
  readonly target: ResolvedTarget;
  readonly score: number;
  /** Of its group. */
  readonly strategy: Strategy;
}

const SCORES: Readonly<Record<Strategy, (target: ResolvedTarget, index: number, view: TargetView) => number>> = {
  priority: (_target, index) => index,
  weighted: (target, _index, view) => weightedScore(target.weight ?? 1, view.draw(target)),
  least_latency: (target, _index, view) => view.expectedMs(target),
  lowest_cost: (target, _index, view) => Number(view.cost(target) ?? Infinity),
  least_busy: (target, _index, view) => view.activeCalls(target),
};

/**
 * Strategies whose figures change from one turn of a conversation to the next. (The others answer it at one target anyway,
 * as long as that is well: `weighted` by its hash, `priority` and `lowest_cost` by what is configured.)
 */
export const WANDERING: ReadonlySet<Strategy> = new Set(['least_latency', 'least_busy']);

/**
 * The targets of a group in the order in which they are tried. Equal scores keep the order of the configuration; where
 * the figures wander, a conversation stays where its prompt is in the provider's cache.
 */
export function ordered({ strategy, targets }: RouteGroup<ResolvedTarget>, view: TargetView): ScoredTarget[] {
  const scored = targets.map((target, index) => ({ target, score: SCORES[strategy](target, index, view), strategy }));
  scored.sort((a, b) => compare(a.score, b.score));
  const home = WANDERING.has(strategy) ? scored.findIndex(({ target }) => view.isHome(target)) : -1;
  return home > 0 ? [...scored.splice(home, 1), ...scored] : scored;
}

const compare = (a: number, b: number): number => (a === b ? 0 : a - b);

/**
 * The least of `-ln(draw) / weight` is drawn with probability proportional to weight, and so is the second among the
 * rest, and so on (Efraimidis and Spirakis 2006). With draws that come from a hash instead of chance this is weighted
 * rendezvous hashing: a target that comes or goes moves only its own share.
 */
function weightedScore(weight: number, draw: number): number {
  return weight > 0 ? -Math.log(Math.max(draw, Number.MIN_VALUE)) / weight : Infinity;
}

/** Providers cache prompts from this length on (OpenAI and Anthropic: 1,024 tokens). */
export const CACHEABLE_TOKENS = 1_024;

/**
 * What the turns of one conversation have in common: the key, the system prompt and the first user message. Null when
 * the prompt is too short for a provider to cache it, so that short calls are spread by weight alone.
 */
export function affinityKey(keyId: string, request: InferenceRequest): string | null {
  if (request.estimatedInputTokens() < CACHEABLE_TOKENS) return null;
  const { system, instructions, messages, input } = request.document.value as JsonObject;
  const turns = messages ?? input;
  const prefix = JSON.stringify([keyId, system ?? instructions ?? null, openingOf(turns)]);
  return createHash('sha256').update(prefix).digest('base64');
}

/** The turns up to the first of the user. */
function openingOf(turns: unknown): unknown {
  if (!Array.isArray(turns)) return turns ?? null;
  const firstUser = turns.findIndex((turn) => (turn as JsonObject | null)?.['role'] === 'user');
  return turns.slice(0, firstUser + 1);
}

/** A number from 0 to 1 that is the same for the same texts. */
export function hashDraw(key: string, target: ResolvedTarget): number {
  const digest = createHash('sha256').update(`${key}\n${target.provider}/${target.model}`).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}
