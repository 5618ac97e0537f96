import { CARDINALS, FRAME, SAME_WORD, SENSES_OF_PLURALS } from './lexicon';

/** How a question may begin without being another one, behind its frame. What kind of question it is, is compared by itself. */
const OPENING =
  /^[^a-z0-9]*(?:(?:what|which|who|how|when|where|why)\b *)?(?:(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|had|to|i|you|we|one|the|an?|it|best way|way)\b(?![-+/^$>.']) *)*/;
const CLOSING = /[,.!?;]+ *(?:please|thanks|thank you|thx)\W*$/;
/** Little words that are there or not. A letter beside a sign is none of them. */
const OPTIONAL =
  /(?<![\w$^<./-])(?:the|an?(?!\W*$| *[,;:?!.)])|my|does|did|is|are|really|actually|very|please)(?![\w^$>/'-])/g;
const WORD = /[a-z0-9]*[a-z][a-z0-9]*|[$€£¥]/g;

/** A word of more than three letters without the s of its plural. */
export const singular = (word: string): string =>
  word.endsWith('s') && !/(ss|us|is)$/.test(word) ? word.slice(0, -1) : word;

/** Words that differ in number only are one, short ones and those whose plural has a sense of its own apart. */
const oneOf = (word: string): string => (word.length <= 3 || SENSES_OF_PLURALS.has(word) ? word : singular(word));

/**
 * Every word of a question behind its opening, in order: prepositions, particles and tenses too, which a sorted list of the
 * words that matter does not show. `text`: as parsed, in lower case.
 */
export function residueOf(text: string): string {
  const asked = text.replace(FRAME, '').replace(OPENING, '').replace(CLOSING, '').replace(OPTIONAL, ' ');
  const words = (asked.match(WORD) ?? []).map((word) => SAME_WORD[word] ?? word);
  return words
    .filter((word) => !CARDINALS.has(word))
    .map(oneOf)
    .join(' ');
}

const END = /[?.!\s]+$/;
/** Behind a word they structure a sentence. */
const SENTENCE_MARKS = /(?<=[a-z0-9'")\]])[,.:;?!]+(?=\s|$)/g;
const WITHIN_WORDS = /(?<=\w)['-](?=\w)/g;
const PLURAL_OWNER = /(?<=s)'(?=\s)/g;
/** What they are worth is compared as a unit. */
const CURRENCY = /(?<![a-z])[$€£¥](?= ?\d)/g;
/** Marks given as themselves, and all others but quotes and commas. */
const MARK = /(?<!\w)(['"])[^\w\s]{1,3}\1(?!\w)|[^\p{L}\p{N}_\s'",]+|(?<=\d)!+/gu;

/** The signs of a text that are no punctuation, in order: 2*3+4 is not 2+3*4. */
export function marksOf(text: string): string {
  const signs = text
    .replace(END, '')
    .replace(SENTENCE_MARKS, '')
    .replace(WITHIN_WORDS, '')
    .replace(PLURAL_OWNER, '')
    .replace(CURRENCY, '')
    .match(MARK);
  return (signs ?? []).join(' ');
}
