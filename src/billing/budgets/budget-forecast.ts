import type { NanoUsd } from '../../core/money';
import type { BudgetStanding } from './budgets.service';

/** Earlier in a period one large call would foretell a fortune. */
const LEAST_SHARE = 0.02;

/**
 * What will have been spent at the end of the period when it goes on as it did: the spend so far over the part of the period
 * that is over. Null for a budget without an end, and while less than 2 % of the period is over.
 */
export function forecastOf({ spentNanoUsd, startsAt, resetsAt }: BudgetStanding, nowMs: number): NanoUsd | null {
  if (startsAt === null || resetsAt === null) return null;
  const lengthMs = resetsAt.getTime() - startsAt.getTime();
  const elapsedMs = Math.min(nowMs - startsAt.getTime(), lengthMs);
  if (lengthMs <= 0 || elapsedMs < lengthMs * LEAST_SHARE) return null;
  return (spentNanoUsd * BigInt(Math.round(lengthMs))) / BigInt(Math.round(elapsedMs));
}
