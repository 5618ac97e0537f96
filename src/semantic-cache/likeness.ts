import type { CacheMode } from './cache.config';
import { refusalsOf, type Refusal } from './guard/compare';
import type { ParsedText } from './guard/parse-text';

/** Why the answer of a question that the encoder finds near will not do. */
export type LikenessRefusal = Refusal | 'threshold';

/**
 * What speaks against giving the answer of one question to another of so much similarity. `balanced`: every rule of the
 * guard but the one that wants the same words; `cosine`: nothing but the threshold, so that no text is needed. Null stands
 * for a text that the guard cannot judge.
 */
export function judgeLikeness(
  mode: CacheMode,
  { stored, asked }: { readonly stored: ParsedText | null; readonly asked: ParsedText | null },
  similarity: number,
  floor: number,
): LikenessRefusal[] {
  const rules = mode === 'cosine' ? [] : refusalsOf(stored, asked);
  const reasons: LikenessRefusal[] = mode === 'balanced' ? rules.filter((reason) => reason !== 'content') : [...rules];
  if (!isNear(similarity, floor)) reasons.push('threshold');
  return reasons;
}

/** A vector in bytes is a little shorter or longer than one: the same text must still reach a threshold of 1. */
const ROUNDING = 1e-6;

/** Whether a similarity reaches the floor. */
export const isNear = (similarity: number, floor: number): boolean => similarity + ROUNDING >= floor;
