import { canonicalText } from '../guard/canonical-text';
import { FUNCTION_WORDS } from '../guard/lexicon';
import { stem } from '../guard/parse-text';
import { answerText } from './answer-text';
import type { StoredAnswer } from './cache-entry';

export type AnswerVerdict = 'right' | 'wrong' | 'unsure';

/** Above it two answers say the same, below the other one they do not; what lies between is left open. */
const SAME = 0.75;
const OTHER = 0.35;
/** Of an answer, which is enough to tell what it is about. */
const MAX_CHARS = 20_000;

/**
 * Whether a stored answer says what a new one says, by the words they share: models word the same answer in many ways, so
 * only clear cases count. Numbers that differ in an answer of few words make it another one.
 */
export function compareAnswers(stored: StoredAnswer, made: StoredAnswer): AnswerVerdict {
  const [left, right] = [textOf(stored), textOf(made)];
  if (canonicalText(left) === canonicalText(right)) return 'right';
  const [first, second] = [wordsOf(left), wordsOf(right)];
  const shared = [...first].filter((word) => second.has(word)).length;
  const likeness = shared / Math.sqrt(first.size * second.size || 1);
  if (likeness < OTHER) return 'wrong';
  return likeness >= SAME && numbersOf(left) === numbersOf(right) ? 'right' : 'unsure';
}

const textOf = (answer: StoredAnswer): string => answerText(answer).slice(0, MAX_CHARS);

const wordsOf = (text: string): Set<string> =>
  new Set((text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => !FUNCTION_WORDS.has(word)).map(stem));

const numbersOf = (text: string): string => [...new Set(text.match(/\d+(?:\.\d+)?/g))].sort().join(' ');
