import { readFileSync } from 'node:fs';
import path from 'node:path';
import { InvalidRequestError } from '../../core/errors';

export const MIN_PASSWORD_LENGTH = 12;
export const MAX_PASSWORD_LENGTH = 256;
const MIN_DIFFERENT = 5;
/** What is left of a password when everything that is guessed first has been taken out. */
const MIN_UNGUESSED = 6;

/** Passwords of leaks: the 3,000 most common, the most common first, and those of the next 46,000 that are long enough. */
const COMMON = readFileSync(path.join(__dirname, 'common-passwords.txt'), 'utf8').trimEnd().split('\n');
const MOST_COMMON = 3_000;
/** Shorter ones are parts of too many words. */
const MIN_PART = 4;

/** What else passwords are made of: other languages, offices, months, runs of other keyboards and of digits. */
const ALSO_GUESSED =
  `passwd motdepasse contrasena contraseña kennwort login signin willkommen default administrator root superuser user guest
  demo example sample database company trustno chocolate february march june july wednesday thursday saturday hola thank
  qwertzuiop azertyuiop yxcvbnm qwertz zxcvb wsxedc 0987654321 987654321 87654321 654321 54321 4321 123 321 abcdefghijkl
  abcdef abcd abc aaaa xxxx 0000 1111 2222 3333 6666 7777 8888 9999 121212 correcthorsebatterystaple`.split(/\s+/);

/** In any order and with anything put between. */
const GUESSED = [...ALSO_GUESSED, ...COMMON.slice(0, MOST_COMMON).filter(({ length }) => length >= MIN_PART)].sort(
  (left, right) => right.length - left.length,
);
const LONG_COMMON = new Set(COMMON.filter(({ length }) => length >= MIN_PASSWORD_LENGTH));

const DISGUISES: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
};

/**
 * Throws `InvalidRequestError` for a password that is tried early: too short, of few characters, known from leaks, or made of
 * common passwords, runs of the keyboard, years and the account's own name, also in disguise (`P@ssw0rd2026!`).
 */
export function requireStrongPassword(password: string, names: readonly string[] = []): void {
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) {
    throw new InvalidRequestError(
      `A password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters. Four words that do not belong together are a good one.`,
      'password',
    );
  }
  const plain = password.normalize('NFKC').toLowerCase();
  const isGuessed = [plain, undisguised(plain)].some(
    (text) => LONG_COMMON.has(text) || unguessed(text, names) < MIN_UNGUESSED,
  );
  if (new Set(plain).size >= MIN_DIFFERENT && !isGuessed) return;
  throw new InvalidRequestError(
    'This password is too easy to guess: use words that are not common, and that nobody knows of you.',
    'password',
  );
}

function unguessed(text: string, names: readonly string[]): number {
  const own = names.flatMap((name) => name.toLowerCase().split(/[^\p{L}\p{N}]+/u)).filter((part) => part.length > 2);
  let rest = text;
  for (const word of [...own, ...GUESSED]) rest = rest.split(word).join(' ');
  // Years, and what is only ever put at the end; then whatever repeats itself counts once.
  const letters = rest.replaceAll(/(19|20)\d\d/g, ' ').replaceAll(/[^\p{L}\p{N}]+/gu, '');
  return letters.replaceAll(/(.+?)\1+/gu, '$1').length;
}

const undisguised = (text: string): string =>
  text.replaceAll(/[@431!0$57]/g, (character) => DISGUISES[character] ?? character);
