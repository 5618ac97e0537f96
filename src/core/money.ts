/**
 * Money is integers. Prices are pico-dollars (10^-12 USD) per token, so that a cache read at 0.0375 USD per million
 * tokens (37,500 pico-dollars) fits; amounts are nano-dollars (10^-9 USD) as `bigint`, at most 9.2 billion USD in a
 * PostgreSQL BIGINT. A cost is computed exactly and rounded up once, at the end.
 */

export type NanoUsd = bigint;
export type PicoUsd = bigint;

export const NANO_PER_USD = 1_000_000_000n;
export const PICO_PER_NANO = 1_000n;
const PICO_PER_USD = 1_000_000_000_000n;

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** A decimal string in USD without an exponent or trailing zeros: `1500000n` is `"0.0015"`. */
export function formatUsd(amount: NanoUsd): string {
  if (amount >= 0n && amount < SMALL_NANO) return smallUsd(Number(amount));
  const sign = amount < 0n ? '-' : '';
  const absolute = amount < 0n ? -amount : amount;
  const fraction = (absolute % NANO_PER_USD).toString().padStart(9, '0').replace(/0+$/, '');
  return `${sign}${absolute / NANO_PER_USD}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Below it an amount is an exact double, and doubles are much faster. A single call hardly ever costs a million dollars. */
const SMALL_NANO = 1_000_000n * NANO_PER_USD;

function smallUsd(nano: number): string {
  const whole = Math.floor(nano / 1e9);
  const fraction = nano - whole * 1e9;
  if (fraction === 0) return String(whole);
  const digits = String(fraction).padStart(9, '0');
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 0x30) end -= 1;
  return `${whole}.${digits.slice(0, end)}`;
}

/** Reads a decimal string in USD; more than nine decimals, an exponent or anything else throws a `RangeError`. */
export function parseUsd(text: string): NanoUsd {
  const match = DECIMAL.exec(text);
  const fraction = match?.[3] ?? '';
  if (!match || fraction.length > 9) {
    throw new RangeError(`"${text}" is not an amount in USD: write a decimal number with at most 9 decimals`);
  }
  const amount = BigInt(match[2]!) * NANO_PER_USD + BigInt(fraction.padEnd(9, '0'));
  return match[1] === '-' ? -amount : amount;
}

/**
 * A price in USD per million tokens, as price lists state it, to pico-dollars per token. The decimal text is read digit
 * by digit, because 0.15 has no exact binary form. Digits beyond a millionth of a cent per million tokens are rounded up.
 */
export function usdPerMillionToPico(price: number | string): PicoUsd {
  const text = typeof price === 'number' ? decimalText(price) : price;
  const match = DECIMAL.exec(text);
  if (!match || match[1] === '-') {
    throw new RangeError(`"${text}" is not a price: write USD per million tokens as a decimal number, zero or more`);
  }
  const fraction = match[3] ?? '';
  // 1 USD per million tokens = 10^12 / 10^6 pico-dollars per token, so six decimals are exact.
  const kept = fraction.slice(0, 6).padEnd(6, '0');
  const roundUp = /[1-9]/.test(fraction.slice(6)) ? 1n : 0n;
  return BigInt(match[2]!) * (PICO_PER_USD / 1_000_000n) + BigInt(kept) + roundUp;
}

/** A price in pico-dollars per token as USD per million tokens, the inverse of `usdPerMillionToPico`. */
export function formatUsdPerMillion(price: PicoUsd): string {
  const million = PICO_PER_USD / 1_000_000n;
  const fraction = (price % million).toString().padStart(6, '0').replace(/0+$/, '');
  return `${price / million}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The shortest decimal text of a number, without an exponent. */
function decimalText(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a price`);
  const text = String(value);
  return text.includes('e') ? value.toFixed(12).replace(/0+$/, '').replace(/\.$/, '') : text;
}
