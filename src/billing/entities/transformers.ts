import type { ValueTransformer } from 'typeorm';

/** Money: the driver gives BIGINT as text, the class holds a bigint. */
export const AMOUNT: ValueTransformer = {
  from: (text: string | null) => (text === null ? null : BigInt(text)),
  to: (amount: bigint | null) => (amount === null ? null : amount.toString()),
};

/** Counts: no call has more tokens than a number holds exactly. */
export const COUNT: ValueTransformer = {
  from: (text: string | null) => (text === null ? null : Number(text)),
  to: (count: number | null) => count,
};
