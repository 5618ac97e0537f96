/** What stands in place of a secret. */
export const MASK = '***';

/** Shorter values would blank out ordinary words of a message. */
const MIN_SECRET_LENGTH = 4;

const CREDENTIALS_IN_URL = /:\/\/[^/\s"]*@/g;
/** The prefixes that keys of the vendors and of this gateway begin with. */
const KNOWN_KEY = /\b(?:sk|pk|gw|xai|gsk|ghp|AIza)[-_]?[A-Za-z0-9_-]{12,}/g;
const LONG_TOKEN = /[A-Za-z0-9+=]{20,}/g;

/** Hides what looks like a secret in text an operator wrote: credentials in URLs, keys, long tokens of letters and digits. */
export function maskText(text: string): string {
  return maskTokens(text.replace(CREDENTIALS_IN_URL, `://${MASK}@`));
}

/** Hides what looks like a key. */
export function maskTokens(text: string): string {
  return text
    .replace(KNOWN_KEY, (token) => (/\d/.test(token) ? MASK : token))
    .replace(LONG_TOKEN, (token) => (/\d/.test(token) && /[A-Za-z]/.test(token) ? MASK : token));
}

/** Hides known secrets wherever they occur in a text. */
export function maskValues(text: string, secrets: Iterable<string>): string {
  let masked = text;
  for (const secret of secrets) if (secret.length >= MIN_SECRET_LENGTH) masked = masked.split(secret).join(MASK);
  return masked;
}

/** A URL as it may be shown: without credentials, query and fragment. */
export function maskUrl(text: string): string {
  if (!URL.canParse(text)) return MASK;
  const url = new URL(text);
  const credentials = url.username === '' && url.password === '' ? '' : `${MASK}@`;
  return `${url.protocol}//${credentials}${url.host}${url.pathname}`;
}

/** The parts of a secret that must not be shown either: the password inside a URL, plain and percent-encoded. */
export function secretParts(value: string): string[] {
  if (!URL.canParse(value)) return [value];
  const { password } = new URL(value);
  if (password === '') return [value];
  return [value, password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
