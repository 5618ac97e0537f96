import { InvalidRequestError } from '../../core/errors';

export const MIN_PASSWORD_LENGTH = 12;
export const MAX_PASSWORD_LENGTH = 256;
const MIN_DIFFERENT = 5;
/** What is left of a password when everything that is guessed first has been taken out. */
const MIN_UNGUESSED = 6;

/** What lists of leaked passwords are made of, in any order and with anything put between. */
const GUESSED =
  `password passwort passwd motdepasse contrasena contraseña kennwort geheim secret login signin welcome willkommen
  letmein changeme default standard administrator admin root superuser user guest test testing tester demo example sample
  master access manager system server service support gateway internet computer network database company office business
  iloveyou loveyou lovely love princess sunshine football baseball basketball soccer hockey monkey dragon shadow superman
  batman spiderman starwars pokemon naruto michael jordan jennifer jessica ashley daniel thomas robert matthew andrew
  charlie george hannah nicole michelle samantha freedom whatever trustno cheese cookie chocolate banana orange purple
  flower butterfly summer winter spring autumn january february march april june july august september october november
  december monday tuesday wednesday thursday friday saturday sunday hello hola bonjour please thank killer hunter ranger
  harley mustang ferrari porsche mercedes yamaha corvette liverpool arsenal chelsea barcelona madrid london berlin paris
  qwertyuiop qwertzuiop azertyuiop asdfghjkl yxcvbnm zxcvbnm qwerty qwertz azerty asdfgh zxcvb qazwsx wsxedc qweasd
  1qaz2wsx 1q2w3e4r5t6y 1q2w3e4r 1234567890 0987654321 123456789 987654321 12345678 87654321 1234567 123456 654321 12345
  54321 1234 4321 123 321 abcdefghijkl abcdef abcd abc aaaa xxxx 0000 1111 2222 3333 6666 7777 8888 9999 112233 121212
  correcthorsebatterystaple`
    .split(/\s+/)
    .sort((left, right) => right.length - left.length);

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
 * Throws `InvalidRequestError` for a password that is tried early: too short, of few characters, or made of common words,
 * runs of the keyboard, years and the account's own name, also in disguise (`P@ssw0rd2026!`).
 */
export function requireStrongPassword(password: string, names: readonly string[] = []): void {
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) {
    throw new InvalidRequestError(
      `A password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters. Four words that do not belong together are a good one.`,
      'password',
    );
  }
  const plain = password.normalize('NFKC').toLowerCase();
  const isGuessed = [plain, undisguised(plain)].some((text) => unguessed(text, names) < MIN_UNGUESSED);
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
