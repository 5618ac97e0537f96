import type { ParsedText } from './parse-text';

/** One word is too little to tell what is asked. */
const MIN_CONTENT_WORDS = 2;

/**
 * The words and numbers that carry the matter of a text, in one order: texts that differ in them never share an answer, so
 * this is where candidates are looked for. Null when there are too few of them.
 */
export function signatureOf(parsed: ParsedText): string | null {
  const content = [...new Set(parsed.content)].sort();
  if (content.length < MIN_CONTENT_WORDS) return null;
  return `${content.join(' ')}|${parsed.numbers.join(' ')}|${parsed.kind}|${String(parsed.isNegated)}`;
}
