import { CAPITAL_HOMOGRAPH } from './lexicon';

/**
 * The form in which two texts that ask the same in the same words are equal: Unicode, white space, quotes, letter case,
 * greetings and thanks, contractions, thousands separators and end punctuation make no difference. Code keeps its case
 * and its spaces, and a text about wording itself ("how do you say thanks") keeps its pleasantries.
 */

/** More than a question: several lines or a long text may be code, a document or data, where every character counts. */
const MAX_PLAIN_LENGTH = 600;

/** Units whose case tells a bit from a byte and a thousandth from a million, after their number. */
const CASED_UNITS =
  /(?<=\d ?)(?:[kKmMgGtTpP]i?)?[bB](?:ps|its?|ytes?|\/s)?(?![A-Za-z])|(?<=\d ?)[mM](?:[Ww]h?|[Hh]z|[Vv]|[Aa]|[Jj]|[Nn]|[Pp]a|[Ee][Vv]|[Ss]v?|[Bb]q|[Gg]|[Ll]|[Mm]|mol|ohm|Ω)?(?![A-Za-z])/g;

/** Code in backticks, addresses, paths, flags, identifiers: what a change of case may break. */
const VERBATIM = new RegExp(
  [
    /`[^`]+`|"[^"]+"|(?<![A-Za-z0-9])'[^']+'(?![A-Za-z])|\[[^\]]*\]/,
    /https?:\/\/\S+|(?:\/[\w.-]+){2,}|(?<!\w)(?:--?|[+%$])[A-Za-z][\w-]*/,
    /\b\w+_\w+\b|\b\w+\.(?=[A-Za-z_]*[A-Z])\w+\b|\\\w|[{}<>=]{1,}/,
    // A single letter that is no word, and the letters of a date.
    /(?<!')\b(?![aAiI]\b)[A-Za-z]\b(?!')|(?<=[a-z0-9,;:'")] )A(?=$|[?!.,;:)]| [^A-Z])|\b(?:[yMdHhmsS]{1,4}[:/-])+[yMdHhmsS]{1,4}\b/,
    /\b(?:[KMGTPkmgtp]i?[Bb](?:ps)?|[mM]W)\b/,
    CASED_UNITS,
    CAPITAL_HOMOGRAPH,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/** Texts about words, spelling or form: their wording is the matter itself. */
const ABOUT_WORDING =
  /\b(say|says|said|saying|translate|translation|translated|spell|spelling|spelled|mean|means|meaning|word|words|rewrite|rephrase|reword|reply|respond|answer|phrase|pronounce|greet|greeting|repeat|echo|correct|proofread|grammar|polite|between)\b/i;
/** Texts in which the case of a letter or a mark of punctuation is the matter itself. */
const ABOUT_CASE =
  /\b(upper ?case|lower ?case|capital letters?|in capitals|capitali[sz]e\w*|case[- ]sensitive|punctuation|proofread|spelling|spell|acronyms?|verbatim|characters?)\b/i;
/** What is done to a piece of text, to the letter. It matters where such a piece is given. */
const ON_TEXT =
  /\b(hash|sha\d*|md5|base64|encode|decode|encrypt|decrypt|echo|repeat|exactly|regex|regexp|password|reverse)\b/i;
const GIVES_TEXT = /[:'"\u2018\u2019\u201c\u201d]/;

const GREETING =
  /^(?:(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening))(?: (?:there|all|everyone))?[,.!:]+ *)/;
const BARE_GREETING =
  /^(?:hi|hello|hey)(?: there)? (?=(?:how|what|why|when|where|who|which|can|could|would|is|are|do|does)\b)/;
const PLEASE = /^(?:please|pls|kindly)\b[,:]?(?! *please\b) */;
/** "Hello, World": a name, and not somebody who is greeted. */
const GREETING_IN_NAME =
  /^(?:[Hh]i|[Hh]ello|[Hh]ey|[Gg]ood (?:[Mm]orning|[Aa]fternoon|[Ee]vening)),? (?!(?:How|What|Why|When|Where|Who|Which|Can|Could|Would|Will|Should|Is|Are|Do|Does|Did|I|My|We|Please|Tell|Explain|Describe|Show|Give|Help|Write|Thanks)\b)[A-Z]/;
const CAN_YOU =
  /^(?:can|could|would|will) you (?:please |kindly )?(?:tell me |explain to me |help me |show me )?(?=(?:how|what|why|when|where|who|which)\b)/;
const CAN_YOU_PLEASE = /^(?:can|could|would|will) you (?:please|kindly) /;
/** Not where it is the object of something: "write a thank you". */
const THANKS =
  /(?<!(?:^|:|\b(?:a|an|the|of|my|our|your|some|with|and|or|for|to|write|send|give|giving|than|by|is|as|in|about)) *)(?:(?:[,.?] *|(?<![\d)!]|\b[A-Za-z])!+ *)+(?:many )?(?:thanks|thank you|thx)|(?<=[\w'")\]]) +(?:many )?(?:thanks|thx))(?: (?:so|very) much| a lot| in advance)?[.! ]*$/;
const LAST_PLEASE = /(?:, *please|(?<=[?.!]) *please)[.! ]*$/;
/** A thank-you after the end of a sentence, a closing quote or the name of a language is not part of what is asked about. */
const THANKS_APART = /(?:(?<=[?.!])|(?<=['"])|(?<=\b(?:into|to|in) [a-z]+)) *\b(?:thanks|thank you|thx)[.! ]*$/;

const CONTRACTIONS: Readonly<Record<string, string>> = { re: ' are', ve: ' have', ll: ' will', m: ' am', d: ' would' };

const SUPERSCRIPT =
  /[\u00aa\u00b2\u00b3\u00b9\u00ba\u02b0-\u02b8\u02e0-\u02e4\u1d2c-\u1d61\u1d78\u1d9b-\u1dbf\u2070-\u207f]+/g;
/** Not the arguments of a function. */
const THOUSANDS = /(?<![\w([.,])\d{1,3}(?:,\d{3})+(?![\w)\],]|\.\d+,)/g;

/** Straight quotes, one kind of space, and powers and fractions as numbers of their own: the normal form of 10² is 102. */
const unified = (text: string): string =>
  text
    .replace(SUPERSCRIPT, (power) => `^${power.normalize('NFKC')}`)
    .replace(/(?<=\d)[\u2080-\u2089]+|[\u2080-\u2089]+(?=\d)/g, (base) => `_${base.normalize('NFKC')} `)
    .replace(/(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])/g, ' ')
    .normalize('NFKC')
    .replace(/\u2212/g, '-')
    .replace(/[\u2018\u2019\u02bc]/g, "'")
    .replace(/[\u201c\u201d\u00ab\u00bb]/g, '"');

/** Lower case, with contractions written out. */
export function expanded(text: string): string {
  const lower = unified(text)
    .toLowerCase()
    .replace(THOUSANDS, (number) => number.replace(/,/g, ''))
    .replace(/\bcannot\b/g, 'can not');
  // All others have an apostrophe.
  if (!lower.includes("'")) return lower;
  return lower
    .replace(/\bcan't\b/g, 'can not')
    .replace(/\bwon't\b/g, 'will not')
    .replace(/\b(what|who|where|how|when|that|it|he|she|there|let)'s\b/g, (_, word: string) =>
      word === 'let' ? 'let us' : `${word} is`,
    )
    .replace(/n't\b/g, ' not')
    .replace(/'(re|ve|ll|m|d)\b/g, (_, ending: string) => CONTRACTIONS[ending] ?? '');
}

const isAllCaps = (text: string): boolean => /[A-Z]/.test(text) && !/[a-z]/.test(text);

/** Greetings that greet nobody, and a plea that is none. */
const isNamedSo = (plain: string): boolean => GREETING_IN_NAME.test(plain) || /^\W*please,? please\b/i.test(plain);

/** What of a text a change of case makes something else of. Quoted text is compared by itself, with or without its quotes. */
export function verbatimOf(text: string): string {
  const plain = unified(text).replace(/\s+/g, ' ').trim();
  const pieces = isAllCaps(plain) ? [] : (plain.match(VERBATIM) ?? []).filter((piece) => /^[^'"]*[A-Za-z]/.test(piece));
  return [...pieces, ...(isNamedSo(plain) ? ['a name'] : [])].sort().join(' ');
}

/** Lower case but for what is code. */
function lowered(text: string): string {
  let result = '';
  let last = 0;
  for (const match of text.matchAll(VERBATIM)) {
    result += expanded(text.slice(last, match.index)) + match[0];
    last = match.index + match[0].length;
  }
  return result + expanded(text.slice(last));
}

function withoutPleasantries(text: string): string {
  const isAboutWording = ABOUT_WORDING.test(text);
  let rest = text;
  for (let round = 0; round < 3; round += 1) {
    const before = rest;
    rest = rest.replace(GREETING, '').replace(PLEASE, '').replace(CAN_YOU, '').replace(CAN_YOU_PLEASE, '');
    if (!isAboutWording) rest = rest.replace(BARE_GREETING, '').replace(LAST_PLEASE, '');
    rest = rest.replace(isAboutWording ? THANKS_APART : THANKS, '').trim();
    if (rest === before) break;
  }
  // Nothing but pleasantries: they are what was said.
  return rest === '' ? text : rest;
}

/** A text of one line and of moderate length, whose form is not its own subject. */
export const isPlain = (text: string): boolean =>
  text.length <= MAX_PLAIN_LENGTH && !/\n\s*\S/.test(text.trim()) && !text.includes('```') && !ABOUT_CASE.test(text);

/** Where the piece of text begins that something is to be done to; the length of the text when there is none. */
function payloadStart(text: string): number {
  if (!ON_TEXT.test(text)) return text.length;
  const asked = text.replace(/^please:/i, (start) => '-'.repeat(start.length));
  const start = asked.search(GIVES_TEXT);
  return start < 0 ? text.length : start;
}

/** A number, a bracket or a letter, whose factorial the mark behind it may be. */
const FACTORIAL_OF = /(?:[\d)]|\b[A-Za-z])$/;

/** Without what ends a sentence behind its last word. By itself a mark may be what is asked about. */
function withoutEndMarks(text: string): string {
  let end = text.length;
  while (end > 0 && '?!.,;:'.includes(text[end - 1]!)) end -= 1;
  const [kept, marks] = [text.slice(0, end), text.slice(end)];
  if (kept === '') return text;
  if (kept.endsWith(' ')) return /^\?+$/.test(marks) ? kept.trimEnd() : text;
  const isFactorial = FACTORIAL_OF.test(kept.slice(-2));
  return kept + (isFactorial ? (/^!+/.exec(marks)?.[0] ?? '') : '');
}

/** Equal for texts that differ in surface only. A text that is not plain is its own canonical form. */
export function canonicalText(text: string): string {
  if (!isPlain(text)) return `=${text}`;
  const start = payloadStart(text);
  const core = canonicalQuestion(text.slice(0, start));
  if (core === '') return `=${text}`;
  return `~${core}${text.slice(start)}`;
}

function canonicalQuestion(text: string): string {
  const plain = unified(text).replace(/\s+/g, ' ').trim();
  const spoken = lowered(isAllCaps(plain) ? plain.toLowerCase() : plain)
    .replace(/\s+/g, ' ')
    .trim();
  const asked = isNamedSo(plain) ? spoken : withoutPleasantries(spoken);
  return withoutEndMarks(asked.trim());
}
