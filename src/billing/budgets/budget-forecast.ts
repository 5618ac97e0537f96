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

/** Beyond it a forecast is no more than "never". */
const LONGEST_MS = 10 * 365 * 24 * 60 * 60_000;

/**
 * When the budget is used up when spending goes on at the pace of its period, or, without a period, since it was made. Now when
 * it is used up already; null when it resets before, and while too little is known, as above.
 */
export function exhaustionOf(standing: BudgetStanding, createdAt: Date, nowMs: number): Date | null {
  const { allowedNanoUsd: allowed, spentNanoUsd: spent, startsAt, resetsAt } = standing;
  if (spent >= allowed) return new Date(nowMs);
  // Nothing was counted before the budget was made.
  const fromMs = Math.max(startsAt?.getTime() ?? 0, createdAt.getTime());
  const elapsedMs = nowMs - fromMs;
  const lengthMs = startsAt && resetsAt ? resetsAt.getTime() - startsAt.getTime() : DAY_MS;
  if (spent <= 0n || elapsedMs < lengthMs * LEAST_SHARE) return null;
  const leftMs = (Number(allowed - spent) / Number(spent)) * elapsedMs;
  if (leftMs > LONGEST_MS || (resetsAt !== null && nowMs + leftMs >= resetsAt.getTime())) return null;
  return new Date(nowMs + leftMs);
}

const DAY_MS = 24 * 60 * 60_000;
