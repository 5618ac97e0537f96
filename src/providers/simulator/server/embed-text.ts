import { hash32, Random } from './random';

/** Words that carry little meaning count little, so that two wordings of one question are near each other. */
const LIGHT_WORDS = new Set(
  (
    'a an and are as at be by can could do does for from has have how i if in is it its me my of on or our please s so ' +
    'tell that the their there this to us was we what when where which who why will with would you your'
  ).split(' '),
);
const LIGHT_WEIGHT = 0.12;
const STEM_WEIGHT = 1;
const WORD = /[\p{L}\p{N}]+/gu;
/** Coordinates that one word touches: enough that different words hardly meet, few enough to be quick. */
const COORDINATES = 24;

/**
 * A bag of hashed words as a unit vector: texts that share their meaningful words have a cosine near 1, texts that
 * share none are near 0. Word order does not count.
 */
export function embedText(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  const words = text.toLowerCase().normalize('NFKC').match(WORD) ?? [];
  const weights = new Map<string, number>();
  for (const word of words) {
    const light = LIGHT_WORDS.has(word);
    weights.set(light ? word : stem(word), light ? LIGHT_WEIGHT : STEM_WEIGHT);
  }
  if (weights.size === 0) weights.set('(empty)', 1);
  for (const [word, weight] of weights) addWord(vector, word, weight);
  return unit(vector);
}

/** Common English endings, so that `resets` and `resetting` meet `reset`. */
function stem(word: string): string {
  if (word.length <= 4) return word.replace(/s$/, '');
  return word.replace(/(?:ings?|ed|es|s|ly)$/, '').replace(/([bdgmnprt])\1$/, '$1');
}

function addWord(vector: Float32Array, word: string, weight: number): void {
  const random = new Random(hash32(word));
  for (let count = 0; count < COORDINATES; count += 1) {
    const place = random.below(vector.length);
    vector[place] = (vector[place] ?? 0) + (random.next() < 0.5 ? -weight : weight);
  }
}

function unit(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  if (length === 0) {
    vector[0] = 1;
    return vector;
  }
  for (let index = 0; index < vector.length; index += 1) vector[index] = (vector[index] ?? 0) / length;
  return vector;
}
