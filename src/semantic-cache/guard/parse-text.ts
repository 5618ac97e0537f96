import { expanded, verbatimOf } from './canonical-text';
import {
  CLASS_OF,
  DIRECTIONS,
  FOREIGN_WORDS,
  FRAME,
  FUNCTION_WORDS,
  IRREGULAR,
  NEGATIONS,
  NUMBER_WORDS,
  SAME_WORD,
} from './lexicon';
import { marksOf, singular } from './wording';

/** A text longer than this is not a question that a rule can compare. */
const MAX_LENGTH = 600;

const TOKEN = /[a-z]+\+\+|c#|\$|\d+(?:[.,]\d+)*|[a-z]+(?:'[a-z]+)?|[^\p{ASCII}\s]+/gu;
/** Code, addresses, paths, flags, quotations, identifiers, abbreviations. */
const CODE =
  /`[^`]+`|"[^"]{2,}"|(?<![A-Za-z0-9])'[^']{3,}'(?![A-Za-z])|https?:\/\/\S+|(?:\/[\w.-]+){2,}|--?[a-z][\w-]+|\b\w+\([^)]*\)|\b\w+\.[\w.]+\b|\b[A-Z]{2,}[A-Z0-9_]*\b|\b\w+_\w+\b|[+\-*/<>=^%]{1,}|\b\d+(?:\.\d+)+\b|\b\d+!+/g;
const CAPITALISED = /(?<=[a-z0-9,;:'")] )[A-Z][A-Za-z0-9.&+-]*/g;

/** "From A to B": a letter, and not the article. */
const LETTER_A = /(?<=[a-z0-9,;:'")] )A(?=$|[?!.,;:)]| [^A-Z])/g;

/** What a question asks for. */
export type QuestionKind = string;

/** A text as the guard compares it. */
export interface ParsedText {
  /** Lower case, contractions written out. */
  readonly text: string;
  readonly tokens: readonly string[];
  readonly stems: readonly string[];
  /** Tokens and stems. */
  readonly forms: ReadonlySet<string>;
  /** Stems of the words that carry the matter, in order. */
  readonly content: readonly string[];
  /** With their signs, in order: to subtract 4 from 9 is not to subtract 9 from 4. */
  readonly numbers: readonly number[];
  readonly isNegated: boolean;
  readonly kind: QuestionKind;
  readonly code: readonly string[];
  /** Signs that are no punctuation, in order. */
  readonly marks: string;
  /** What a change of case makes something else of. */
  readonly verbatim: string;
  readonly names: readonly string[];
  readonly classes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly directions: string;
  readonly aspect: string;
  readonly isPassive: boolean;
  readonly persons: string;
  readonly mixed: readonly string[];
}

const unique = (list: Iterable<string>): string[] => [...new Set(list)];

/** The stem of an English word: near enough that the forms of one word agree. */
export function stem(word: string): string {
  const irregular = IRREGULAR[word];
  if (irregular !== undefined) return irregular;
  if (word.length <= 3) return word;
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(ss|sh|ch|x|z)es$/.test(word)) return word.slice(0, -2);
  return withoutEnding(singular(word)).replace(/e$/, '');
}

function withoutEnding(word: string): string {
  const isGerund = word.endsWith('ing') && word.length > 5;
  const isPast = word.endsWith('ed') && word.length > 4;
  if (!isGerund && !isPast) return word;
  const bare = word.slice(0, isGerund ? -3 : -2);
  return /([bdgklmnprt])\1$/.test(bare) ? bare.slice(0, -1) : bare;
}

/** Null for a text whose meaning the rules cannot judge: long, of several lines, or not English. */
export function parseText(original: string): ParsedText | null {
  if (original.length > MAX_LENGTH || /\n\s*\S/.test(original.trim()) || !isEnglish(original)) return null;
  const text = expanded(original.replace(LETTER_A, 'lettera')).replace(/'s\b/g, '');
  const tokens = (text.match(TOKEN) ?? []).map((word) => SAME_WORD[word] ?? word);
  const stems = tokens.map(stem);
  const framed = new Set((FRAME.exec(text)?.[0] ?? '').match(TOKEN) ?? []);
  const content = stems.filter((_, index) => isContent(tokens[index]!, framed));
  return {
    text,
    tokens,
    stems,
    forms: new Set([...tokens, ...stems]),
    content,
    numbers: numbersOf(text),
    isNegated: negationsOf(text, tokens) % 2 === 1,
    kind: kindOf(text),
    code: codeOf(original),
    marks: marksOf(text),
    verbatim: verbatimOf(original),
    names: namesOf(original),
    classes: classesOf(tokens),
    directions: unique((text.replace(FRAME, '').match(TOKEN) ?? []).filter((word) => DIRECTIONS.has(word)))
      .sort()
      .join(' '),
    aspect: aspectOf(text),
    isPassive: isPassive(text),
    persons: personsOf(text, tokens),
    mixed: unique(text.match(/\b(?=\w*\d)(?=\w*[a-z])\w+\b/g) ?? []),
  };
}

function isEnglish(text: string): boolean {
  if (!/\p{L}/u.test(text) || hasForeignLetters(text)) return false;
  const tokens = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  return tokens.filter((word) => FOREIGN_WORDS.has(word)).length < 2;
}

/** More than a few letters that English has not got. */
function hasForeignLetters(text: string): boolean {
  if (!/[^\p{ASCII}]/u.test(text)) return false;
  const letters = text.match(/\p{L}/gu) ?? [];
  const others = letters.filter((letter) => letter > '\x7f').length;
  return others > Math.max(2, letters.length / 10);
}

const isContent = (word: string, framed: ReadonlySet<string>): boolean =>
  !FUNCTION_WORDS.has(word) && !framed.has(word) && !/^\d/.test(word) && !(word in NUMBER_WORDS);

/** A number, its minus when that stands for itself, the number of a quarter, or a word that may be one. */
const NUMBER = /(?<![\w)\].-])-\d+(?:\.\d+)?|\d+(?:\.\d+)?|\bq[1-4]\b|[a-z]+/g;

function numbersOf(text: string): number[] {
  const numbers: number[] = [];
  for (const [found] of text.matchAll(NUMBER)) {
    const digits = /\d/.test(found) ? parseFloat(found.replace('q', '')) : undefined;
    const number = digits ?? (found === 'one' ? undefined : NUMBER_WORDS[SAME_WORD[found] ?? found]);
    if (number !== undefined) numbers.push(number);
  }
  return numbers;
}

const negationsOf = (text: string, tokens: readonly string[]): number =>
  tokens.filter((word) => NEGATIONS.has(word)).length + (text.match(/\b\w+-free\b|\bnon-?\w+/g) ?? []).length;

/** What is to be made, and not told about. */
const MAKING =
  /^\W*(?:(?:can|could|would|will) you )?(?:please )?(?:(?:show|give) me(?! how| what| why| where| when| which| who)|tell me an? |(?:write|create|generate|compose|draw|design|sort)\b)/;

const KINDS: readonly (readonly [QuestionKind, RegExp])[] = [
  ['how many', /\bhow many\b|\b(number|count) of\b/],
  ['how much', /\bhow much\b/],
  ['how long', /\bhow long\b/],
  ['how big', /\bhow (old|far|often|big|large|tall|fast|soon|late|deep|high|heavy)\b/],
  ['why', /\bhow come\b|\bwhy\b|\bfor what reason\b|\breasons? (for|why|that|of|behind)\b/],
  ['when', /^\W*when\b|\b(what|which) (year|date|time|day|month)\b|\b(tell me|know|explain|ask|say) when\b/],
  ['where', /\bwhere\b/],
  ['who', /^\W*(who|whom|whose)\b/],
  ['how', /\bhow\b|\b(what|which) (is|are) (the |a |some )?(\w+ )?(way|ways|procedure|process|steps|method)\b/],
  ['can', /^\W*(can|could|may|might|am i able)\b/],
  ['should', /^\W*(should|must|ought|do i (have|need) to|shall)\b/],
  ['will', /^\W*(will|would|is it going to)\b/],
  ['be', /^\W*(is|are|am|was|were)\b/],
  ['do', /^\W*(do|does|did|have|has|had)\b/],
  ['which', /\bwhich\b/],
];

/** "What is X" and "explain X" are of one kind, the empty one. */
function kindOf(text: string): QuestionKind {
  if (MAKING.test(text)) return 'make';
  const asked = text.replace(FRAME, '');
  const [kind] = KINDS.find(([, form]) => form.test(asked)) ?? [''];
  // "What to eat" and "tell me about eating" differ; "what is" and "what are" do not.
  return kind === '' && /^what (?!is\b|are\b|was\b|were\b|does\b|do\b)/.test(asked) ? 'what' : kind;
}

const codeOf = (text: string): string[] =>
  unique((text.match(CODE) ?? []).map((piece) => piece.replace(/^[`"' ]+|[`"' ]+$/g, '').toLowerCase())).filter(
    (piece) => piece !== '' && piece !== '-',
  );

const namesOf = (text: string): string[] =>
  unique((text.match(CAPITALISED) ?? []).map((name) => name.toLowerCase().replace(/\.$/, ''))).filter(
    (name) => !FUNCTION_WORDS.has(name),
  );

function classesOf(tokens: readonly string[]): Map<string, Set<string>> {
  const classes = new Map<string, Set<string>>();
  for (const word of tokens) {
    for (const name of CLASS_OF.get(word) ?? []) classes.set(name, (classes.get(name) ?? new Set()).add(word));
  }
  return classes;
}

const ASPECTS: readonly (readonly [string, RegExp])[] = [
  ['becoming', /\b(becoming|about to become|turning into)\b/],
  ['future', /\b(will|shall|going to|gonna)\b/],
  [
    'past',
    /\b(was|were|did|had|won|wrote|built|became|last (year|week|month|sunday|monday)|yesterday|formerly|previously)\b/,
  ],
  ['still', /\b(still|any ?more|no longer)\b/],
  ['yet', /\b(already|yet)\b/],
];

/** What somebody must do is not what he should, and not what he can do. */
const MODALS: readonly (readonly [string, RegExp])[] = [
  ['must', /\b(must|shall|(have|has|had|need|needs|needed|required|obliged) to)\b/],
  ['should', /\b(should|ought|supposed)\b/],
  ['may', /\b(can|could|may|might|able to)\b/],
];

/** Where it makes another question: "how can I" and "how do I" ask the same, and so do statements. */
const MAY_MATTERS = /^\W*(what|which|who|when|how (many|much|long|old|far|often))\b/;

function modalOf(text: string): string[] {
  const asked = text.replace(FRAME, '');
  const [modal] = MODALS.find(([, form]) => form.test(asked)) ?? [];
  return modal === undefined || (modal === 'may' && !MAY_MATTERS.test(asked)) ? [] : [modal];
}

function aspectOf(text: string): string {
  const found = ASPECTS.filter(([, form]) => form.test(text)).map(([name]) => name);
  const usedTo = /\bused? to\b/.test(text) && !/\b(is|are|be|being|been|was|were) used to\b/.test(text);
  return [...(usedTo ? ['used to'] : []), ...modalOf(text), ...found].join(' ');
}

const isPassive = (text: string): boolean =>
  /\b(is|are|was|were|be|been|being|gets?|got)\b.*\b\w+(ed|en|wn|ught|ld|pt|ne|nt|ut|de|ght)\b(\W+\w+){0,4}?\W+by\b/.test(
    text,
  ) ||
  (/^(is|are|was|were)\b/.test(text) && /\bby (the |a |an )?[a-z]+\W*$/.test(text));

const THIRD = ['his', 'her', 'him', 'he', 'she', 'they', 'them', 'their', 'its'];

/** Of whom the text speaks, as far as that changes the answer. */
function personsOf(text: string, tokens: readonly string[]): string {
  const persons = THIRD.filter((word) => tokens.includes(word));
  if (/\b(my|mine|our|ours)\b/.test(text)) persons.push('mine');
  if (/\b(your|yours|yourself)\b/.test(text) || /\b(are|were) you\b/.test(text)) persons.push('yours');
  if (/\b(am|was) i\b/.test(text)) persons.push('i am');
  if (/^\W*(do|does|did|are|were|have|had|should|can|could|will|would|must|may) you\b/.test(text.replace(FRAME, '')))
    persons.push('you do');
  // Who does it to whom.
  const both: readonly string[] = text.replace(FRAME, '').match(/\b(i|me|we|us|you)\b/g) ?? [];
  if (both.includes('you') && both.some((word) => word !== 'you'))
    persons.push(both.map((word) => (word === 'you' ? 'you' : 'i')).join('-'));
  return persons.join(' ');
}
