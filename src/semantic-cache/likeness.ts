import type { CacheMode } from './cache.config';
import { compareTexts, type Refusal } from './guard/compare';

/** Why the answer of a question that the encoder finds near will not do. */
export type LikenessRefusal = Refusal | 'threshold';

/**
 * What speaks against giving the answer of one question to another of so much similarity. `balanced`: every rule of the
 * guard but the one that wants the same words; `cosine`: nothing but the threshold.
 */
export function judgeLikeness(
  mode: CacheMode,
  { stored, asked }: { readonly stored: string; readonly asked: string },
  similarity: number,
  floor: number,
): LikenessRefusal[] {
  const rules = mode === 'cosine' ? [] : compareTexts(stored, asked).reasons;
  const reasons: LikenessRefusal[] = mode === 'balanced' ? rules.filter((reason) => reason !== 'content') : [...rules];
  // A vector in bytes is a little shorter or longer than one: the same text must still reach a threshold of 1.
  if (similarity + ROUNDING < floor) reasons.push('threshold');
  return reasons;
}

const ROUNDING = 1e-6;
