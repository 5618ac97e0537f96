import type { LoadedModel } from './encoder/encoder-thread.port';
import { cosine, type Encoded } from './encoder/prompt-encoder';
import { canonicalText } from './guard/canonical-text';
import { compareTexts } from './guard/compare';
import { parseText } from './guard/parse-text';
import { judgeLikeness } from './likeness';

/** Two questions, and whether the answer to one may be given to the other (1). */
export interface LabelledPair {
  readonly a: string;
  readonly b: string;
  readonly label: 0 | 1;
  readonly kind: string;
}

/** A pair with what the cache sees of it. */
export interface SeenPair extends LabelledPair {
  readonly isCanonical: boolean;
  readonly isIdentical: boolean;
  /** Null when the encoder does not read one of the two as a whole. */
  readonly similarity: number | null;
}

/** When the answer of a pair would be given. */
export type Rule = readonly [name: string, serves: (pair: SeenPair) => boolean];

const isConservative = ({ isCanonical, isIdentical }: SeenPair): boolean => isCanonical || isIdentical;

const likeness =
  (mode: 'balanced' | 'cosine', floor: number) =>
  (pair: SeenPair): boolean => {
    if (mode === 'balanced' ? isConservative(pair) : pair.isCanonical) return true;
    const { a, b, similarity } = pair;
    if (similarity === null) return false;
    const texts = { stored: parseText(a), asked: parseText(b) };
    return judgeLikeness(mode, texts, similarity, floor).length === 0;
  };

const THRESHOLDS = [0.8, 0.9, 0.95];

/** The tiers and modes, at the thresholds that the figures are told for. */
export const RULES: readonly Rule[] = [
  ['canonical', ({ isCanonical }) => isCanonical],
  ['conservative', isConservative],
  ...(['balanced', 'cosine'] as const).flatMap((mode) =>
    THRESHOLDS.map((floor): Rule => [`${mode} ${floor.toFixed(2)}`, likeness(mode, floor)]),
  ),
];

/** Of texts that are encoded together. */
const BATCH = 64;

/** Vectors of all texts of a set, the shortest first, so that texts of one length meet. */
async function encodeAll(texts: readonly string[], encode: Encode): Promise<Map<string, Encoded>> {
  const vectors = new Map<string, Encoded>();
  const sorted = [...new Set(texts)].sort((left, right) => left.length - right.length);
  for (let start = 0; start < sorted.length; start += BATCH) {
    const batch = sorted.slice(start, start + BATCH);
    const encoded = await encode(batch);
    batch.forEach((text, index) => vectors.set(text, encoded[index]!));
  }
  return vectors;
}

type Encode = LoadedModel['encode'];

/** The pairs as the cache sees them. */
export async function see(pairs: readonly LabelledPair[], encode: Encode): Promise<SeenPair[]> {
  const vectors = await encodeAll(
    pairs.flatMap(({ a, b }) => [a, b]),
    encode,
  );
  return pairs.map((pair) => {
    const [left = 'unreadable', right = 'unreadable'] = [vectors.get(pair.a), vectors.get(pair.b)];
    return {
      ...pair,
      isCanonical: canonicalText(pair.a) === canonicalText(pair.b),
      isIdentical: compareTexts(pair.a, pair.b).reasons.length === 0,
      similarity: typeof left === 'string' || typeof right === 'string' ? null : cosine(left, right),
    };
  });
}

export interface Score {
  /** Hits that are right and hits that are not. */
  readonly right: number;
  readonly wrong: number;
  /** Pairs that may hit and pairs that may not. */
  readonly positives: number;
  readonly negatives: number;
}

export function score(pairs: readonly SeenPair[], [, serves]: Rule): Score {
  const count = (label: number, among: readonly SeenPair[]): number =>
    among.filter((pair) => pair.label === label).length;
  const hits = pairs.filter(serves);
  return { right: count(1, hits), wrong: count(0, hits), positives: count(1, pairs), negatives: count(0, pairs) };
}
