import type { Redaction } from './transcripts.config';

/** Something that is taken out of a text: what looks like it, and whether a find is one. */
export interface RedactionRule {
  /** For counting. */
  readonly name: string;
  /** What is put in the place of a find. */
  readonly mark: string;
  readonly pattern: RegExp;
  /** What a find becomes; absent: the mark. */
  readonly replace?: (found: string, mark: string) => string;
}

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const CARD_DIGITS = { least: 13, most: 19 } as const;

/** Cards are looked for between the gaps of a run of digits: a year or a quantity may stand directly before one. */
function withoutCards(run: string, mark: string): string {
  const groups = run.split(/([ -])/);
  for (let first = 0; first < groups.length; first += 2) {
    for (let last = groups.length - 1; last >= first; last -= 2) {
      const digits = groups
        .slice(first, last + 1)
        .join('')
        .replaceAll(/[ -]/g, '');
      if (digits.length < CARD_DIGITS.least) break;
      if (digits.length > CARD_DIGITS.most || !/^[2-6]/.test(digits) || !passesLuhn(digits)) continue;
      const rest = groups.slice(last + 1).join('');
      return groups.slice(0, first).join('') + mark + withoutCards(rest, mark);
    }
  }
  return run;
}

/** ISO 13616-1: the first four characters moved to the end, letters as numbers from 10, modulo 97 is 1. */
function isIban(text: string): boolean {
  const compact = text.replaceAll(' ', '');
  if (compact.length < 15 || compact.length > 34) return false;
  let remainder = 0;
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

/** API keys, tokens and private keys by how their makers let them begin, and what is called a password beside its value. */
const KEY_FORMS = [
  'gw_[0-9A-Za-z]{8}_[0-9A-Za-z]{16,}',
  'whsec_[0-9A-Za-z+/=_-]{16,}',
  '\\b(?:sk|pk|rk)[-_][0-9A-Za-z_-]{16,}',
  'gh[oprsu]_[0-9A-Za-z]{20,}',
  'github_pat_[0-9A-Za-z_]{20,}',
  'glpat-[0-9A-Za-z_-]{16,}',
  'xox[abeoprs]-[0-9A-Za-z-]{10,}',
  '\\b(?:AKIA|ASIA)[0-9A-Z]{16}\\b',
  'AIza[0-9A-Za-z_-]{30,}',
  'eyJ[0-9A-Za-z_-]{8,}\\.[0-9A-Za-z_-]{8,}(?:\\.[0-9A-Za-z_-]*)?',
  '-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\\s\\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)',
  '\\b[Bb]earer {1,3}[0-9A-Za-z._~+/-]{16,}=*',
  '(?<=(?:[Pp]assword|[Pp]asswd|PASSWORD|[Ss]ecret|SECRET|[Aa][Pp][Ii][_ -]?[Kk][Ee][Yy])["\']{0,1}\\s{0,3}[:=]\\s{0,3}["\']{0,1})[^\\s"\',;]{6,}',
];

/** Every one of them takes time linear in the text. */
export const KNOWN_SECRETS: Readonly<Record<Redaction, RedactionRule>> = {
  keys: { name: 'keys', mark: '[key]', pattern: new RegExp(KEY_FORMS.join('|'), 'g') },
  email_addresses: {
    name: 'email_addresses',
    mark: '[email address]',
    pattern: /[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu,
  },
  ibans: {
    name: 'ibans',
    mark: '[iban]',
    pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g,
    replace: (found, mark) => (isIban(found) ? mark : found),
  },
  card_numbers: {
    name: 'card_numbers',
    mark: '[card number]',
    pattern: /(?<!\d)\d(?:[ -]?\d){12,60}(?!\d)/g,
    replace: withoutCards,
  },
};
