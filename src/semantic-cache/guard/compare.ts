import { opposites } from './lexicon';
import { parseText, stem, type ParsedText } from './parse-text';
import { residueOf } from './wording';

/** Why the answer of one text will not do for another. */
export type Refusal =
  | 'not_comparable'
  | 'negation'
  | 'number'
  | 'sign'
  | 'code'
  | 'kind'
  | 'opposite'
  | 'class'
  | 'order'
  | 'capital'
  | 'entity'
  | 'aspect'
  | 'role'
  | 'person'
  | 'direction'
  | 'identifier'
  | 'substitution'
  | 'scope'
  | 'content'
  | 'wording';

export interface Comparison {
  /** Empty: the guard sees no difference in meaning, and the words that carry it are the same. */
  readonly reasons: readonly Refusal[];
  /** Cosine of the two texts' weighted words, from 0 to 1. */
  readonly similarity: number;
}

/** The same words that matter, and other little words or forms between them: "known as" is not "known for". */
const isWordedOtherwise = (left: ParsedText, right: ParsedText): boolean =>
  residueOf(left.text) !== residueOf(right.text);

const OPPOSITE_OF = opposites(stem);

const lacks = <T>(left: ReadonlySet<T>, right: ReadonlySet<T>): boolean => [...left].some((item) => !right.has(item));
const differ = <T>(left: ReadonlySet<T>, right: ReadonlySet<T>): boolean => lacks(left, right) || lacks(right, left);

/** A check of the guard: true when the two differ in it. */
type Check = (left: ParsedText, right: ParsedText) => boolean;

const CHECKS: readonly (readonly [Refusal, Check])[] = [
  ['negation', (left, right) => left.isNegated !== right.isNegated],
  ['number', (left, right) => left.numbers.join() !== right.numbers.join()],
  ['sign', (left, right) => left.marks !== right.marks],
  ['code', (left, right) => !holdsAll(left.code, right) || !holdsAll(right.code, left)],
  ['kind', (left, right) => left.kind !== right.kind],
  ['opposite', areOpposite],
  ['class', areOfOneClass],
  ['order', isReordered],
  ['capital', (left, right) => left.verbatim !== right.verbatim],
  ['entity', (left, right) => !holdsAll(left.names, right) || !holdsAll(right.names, left)],
  ['aspect', (left, right) => left.aspect !== right.aspect],
  ['role', isRoleSwapped],
  ['person', (left, right) => left.persons !== right.persons],
  ['direction', (left, right) => left.directions !== right.directions],
  ['identifier', (left, right) => !holdsAll(left.mixed, right) || !holdsAll(right.mixed, left)],
];

/** What the guard refuses in a pair, whatever the texts: `not_comparable` where the rules cannot judge one of them. */
export const refusalsOf = (left: ParsedText | null, right: ParsedText | null): Refusal[] =>
  left && right ? refusals(left, right) : ['not_comparable'];

/** What the guard refuses in a pair. `scope`: one says more than the other; `content` when only the words that carry the matter differ. */
export function refusals(left: ParsedText, right: ParsedText): Refusal[] {
  const reasons = CHECKS.filter(([, differs]) => differs(left, right)).map(([reason]) => reason);
  const [own, other] = [new Set(left.content), new Set(right.content)];
  if (isSubstitution(own, other)) reasons.push('substitution');
  if (lacks(own, other) !== lacks(other, own)) reasons.push('scope');
  if (differ(own, other)) reasons.push('content');
  else if (isWordedOtherwise(left, right)) reasons.push('wording');
  return reasons;
}

/** Whether the guard refuses nothing in a pair but other words for the same (`content`). Stops at the first refusal. */
export function mayMeanTheSame(left: ParsedText, right: ParsedText): boolean {
  if (CHECKS.some(([, differs]) => differs(left, right))) return false;
  const [own, other] = [new Set(left.content), new Set(right.content)];
  if (isSubstitution(own, other) || lacks(own, other) !== lacks(other, own)) return false;
  return differ(own, other) || !isWordedOtherwise(left, right);
}

/** What two texts must have in common, whatever else they say: with another one, a pair is refused. */
export const commonsOf = ({
  isNegated,
  numbers,
  kind,
  classes,
  aspect,
  persons,
  directions,
  marks,
  verbatim,
}: ParsedText): string =>
  JSON.stringify([
    isNegated,
    numbers,
    kind,
    [...classes].map(([name, words]) => [name, ...[...words].sort()].join(' ')).sort(),
    aspect,
    persons,
    directions,
    marks,
    verbatim,
  ]);

/** Whether a word stands on a side of an opposite. */
export const hasOpposite = (word: string): boolean => OPPOSITE_OF.has(word);

/** Compares two texts: the guard's rules, and content identity. */
export function compareTexts(left: string, right: string): Comparison {
  const [first, second] = [parseText(left), parseText(right)];
  if (!first || !second) return { reasons: ['not_comparable'], similarity: 0 };
  return { reasons: refusals(first, second), similarity: similarityOf(first, second) };
}

/** Whether the text has all the pieces in it. */
export const holdsAll = (pieces: readonly string[], { text }: Pick<ParsedText, 'text'>): boolean =>
  pieces.every((piece) => text.includes(piece));

/** The sides of opposites that the words of one text only stand on. */
function sidesOf(own: ReadonlySet<string>, other: ReadonlySet<string>): Map<number, number> {
  const sides = new Map<number, number>();
  for (const word of own) {
    if (other.has(word)) continue;
    for (const side of OPPOSITE_OF.get(word) ?? []) {
      const concept = Math.abs(side);
      sides.set(concept, (sides.get(concept) ?? 0) | (side > 0 ? 1 : 2));
    }
  }
  return sides;
}

function areOpposite(left: ParsedText, right: ParsedText): boolean {
  const others = sidesOf(right.forms, left.forms);
  return [...sidesOf(left.forms, right.forms)].some(([concept, side]) => {
    const otherSide = others.get(concept);
    return otherSide !== undefined && otherSide !== side;
  });
}

const NONE: ReadonlySet<string> = new Set();

function areOfOneClass(left: ParsedText, right: ParsedText): boolean {
  const names = new Set([...left.classes.keys(), ...right.classes.keys()]);
  return [...names].some((name) => differ(left.classes.get(name) ?? NONE, right.classes.get(name) ?? NONE));
}

/** The same words in another order: "from Paris to Rome" is not "from Rome to Paris". */
function isReordered(left: ParsedText, right: ParsedText): boolean {
  const isSameBag = [...left.content].sort().join(' ') === [...right.content].sort().join(' ');
  return isSameBag && left.content.join(' ') !== right.content.join(' ');
}

function isRoleSwapped(left: ParsedText, right: ParsedText): boolean {
  if (left.isPassive === right.isPassive) return false;
  const shared = left.content.filter((word) => right.content.includes(word));
  return shared.length >= 2 && right.content.indexOf(shared[0]!) < right.content.indexOf(shared.at(-1)!);
}

function isSubstitution(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  const only = (own: ReadonlySet<string>, other: ReadonlySet<string>): number =>
    [...own].filter((word) => !other.has(word)).length;
  return only(left, right) === 1 && only(right, left) === 1;
}

/** What a word that carries no matter counts for beside one that does. */
const FUNCTION_WEIGHT = 0.15;

function similarityOf(left: ParsedText, right: ParsedText): number {
  const [first, second] = [weightsOf(left), weightsOf(right)];
  let product = 0;
  for (const [word, weight] of first) product += weight * (second.get(word) ?? 0);
  const length = Math.sqrt(lengthOf(first) * lengthOf(second));
  return length === 0 ? 0 : Math.min(1, product / length);
}

function weightsOf({ stems, content }: ParsedText): Map<string, number> {
  const matters = new Set(content);
  const weights = new Map<string, number>();
  for (const word of stems) {
    const weight = matters.has(word) || /^\d/.test(word) ? 1 : FUNCTION_WEIGHT;
    weights.set(word, (weights.get(word) ?? 0) + weight);
  }
  return weights;
}

const lengthOf = (weights: ReadonlyMap<string, number>): number =>
  [...weights.values()].reduce((sum, weight) => sum + weight * weight, 0);
