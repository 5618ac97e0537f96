import { isIP } from 'node:net';
import { ValidateBy } from 'class-validator';
import { parseUsd } from '../../core/money';

const succeeds = (attempt: () => unknown): boolean => {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
};

const isText = (value: unknown): value is string => typeof value === 'string';

function rule(name: string, validate: (value: unknown) => boolean, message: string, args: unknown[] = []) {
  return ValidateBy({ name, constraints: args, validator: { validate, defaultMessage: () => message } });
}

const hasProtocol = (value: unknown, protocols: readonly string[]): boolean =>
  isText(value) && URL.canParse(value) && protocols.includes(new URL(value).protocol) && new URL(value).hostname !== '';

/** A URL of one of the protocols (`redis:`, `rediss:`). */
export const IsUrlOf = (protocols: readonly string[], example: string): PropertyDecorator =>
  rule('isUrlOf', (value) => hasProtocol(value, protocols), `is not a URL of this kind; write for example ${example}`, [
    protocols,
  ]);

/** An http(s) address without credentials, query or fragment. */
export const IsBaseUrl = (): PropertyDecorator =>
  rule(
    'isBaseUrl',
    (value) => {
      if (!hasProtocol(value, ['https:', 'http:'])) return false;
      const url = new URL(value as string);
      return url.username === '' && url.password === '' && url.search === '' && url.hash === '';
    },
    'is not a base address; write for example https://api.example.com/v1, without user, password, query or fragment',
  );

const isAddressOrRange = (value: unknown): boolean => {
  if (!isText(value)) return false;
  const [address = '', bits, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
};

/** Each element is an IP address or a CIDR range. */
export const AreAddresses = (): PropertyDecorator =>
  rule(
    'areAddresses',
    (value) => Array.isArray(value) && value.every(isAddressOrRange),
    'must list IP addresses or ranges; write for example [10.0.0.0/8, 192.168.1.7]',
  );

/** Each element is a text without blanks at its ends, not empty, at most 256 characters, and none comes twice. */
export const AreNames = (): PropertyDecorator =>
  rule(
    'areNames',
    (value) => Array.isArray(value) && value.every(isName) && new Set(value).size === value.length,
    'must list names, each once; write for example [first-name, second-name]',
  );

const isName = (value: unknown): boolean => isText(value) && value.length <= 256 && /^[^\s\p{Cc}]+$/u.test(value);

/** A name without blanks. */
export const IsName = (): PropertyDecorator =>
  rule('isName', isName, 'is not a name; write at most 256 characters without blanks');

/** An amount in USD that `parseUsd` reads, greater than zero. */
export const IsUsdAmount = (): PropertyDecorator =>
  rule(
    'isUsdAmount',
    (value) => isText(value) && succeeds(() => parseUsd(value)) && parseUsd(value) > 0n,
    'is not an amount in USD; write a decimal number above zero with at most 9 decimals, for example 250 or 0.05',
  );

/** No model costs more than this for a million tokens; a larger figure is a mistaken unit. */
const MAX_USD_PRICE = 1_000_000;

/** As exact as prices are kept: a price list's further digits are rounded, those of an operator would be a mistake. */
const EXACT_PRICE = /^\d+(\.\d{1,6}0*)?$/;

/** A price that `usdPerMillionToPico` reads as it is stated, zero or more. */
export const IsUsdPrice = (): PropertyDecorator =>
  rule(
    'isUsdPrice',
    (value) =>
      (isText(value) || typeof value === 'number') && EXACT_PRICE.test(String(value)) && Number(value) <= MAX_USD_PRICE,
    `is not a price; write a decimal number from 0 to ${MAX_USD_PRICE} with at most 6 decimals, for example 2.5`,
  );

/** An IANA time zone this machine knows. */
export const IsZone = (): PropertyDecorator =>
  rule(
    'isZone',
    (value) => isText(value) && succeeds(() => new Intl.DateTimeFormat('en', { timeZone: value })),
    'is not a time zone; write an IANA name, for example Europe/Berlin or UTC',
  );

/** Fractions above zero, at most ten (1000 %), each once. */
export const AreFractions = (): PropertyDecorator =>
  rule(
    'areFractions',
    (value) =>
      Array.isArray(value) &&
      value.every((part) => typeof part === 'number' && part > 0 && part <= 10) &&
      new Set(value).size === value.length,
    'must list fractions of the limit above 0, each once; write for example [0.5, 0.8, 1]',
  );
