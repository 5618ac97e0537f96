import { Matches } from 'class-validator';
import { InvalidRequestError } from '../../core/errors';
import { NANO_PER_USD, parseUsd, type NanoUsd } from '../../core/money';

/** More is a typing error: no organization spends a billion dollars on tokens in a period. */
const MAX_USD = 1_000_000_000n;
const AMOUNT = /^\d{1,10}(\.\d{1,9})?$/;
const AMOUNT_MESSAGE =
  '$property must be an amount in USD as a text with at most 9 decimals, for example "250" or "0.05"';

/** An amount in USD, as text so that no digit is lost. */
export const IsAmount = (): PropertyDecorator => Matches(AMOUNT, { message: AMOUNT_MESSAGE });

/** Throws `InvalidRequestError` for nothing, and for more than anybody spends. */
export function toAmount(text: string, param: string): NanoUsd {
  const amount = parseUsd(text);
  if (amount > 0n && amount <= MAX_USD * NANO_PER_USD) return amount;
  throw new InvalidRequestError(`${param} must be above 0 and at most ${MAX_USD} USD.`, param);
}
