import fc from 'fast-check';
import { exhaustionOf, forecastOf } from './budget-forecast';
import type { BudgetStanding } from './budgets.service';

const DAY_MS = 86_400_000;
const START = new Date('2026-11-01T00:00:00Z');

const standing = (spentNanoUsd: bigint, days: number | null): BudgetStanding => ({
  allowedNanoUsd: 0n,
  spentNanoUsd,
  heldNanoUsd: 0n,
  startsAt: START,
  resetsAt: days === null ? null : new Date(START.getTime() + days * DAY_MS),
});

describe('the forecast of a budget', () => {
  it('goes on at the pace so far', () => {
    expect(forecastOf(standing(10_000n, 30), START.getTime() + 10 * DAY_MS)).toBe(30_000n);
  });

  it('says nothing at the very beginning, and nothing without an end', () => {
    expect(forecastOf(standing(10_000n, 30), START.getTime() + DAY_MS / 2)).toBeNull();
    expect(forecastOf(standing(10_000n, null), START.getTime() + DAY_MS)).toBeNull();
  });

  it('says when the money ends, at the pace since the period or the budget began', () => {
    const at = (days: number): Date => new Date(START.getTime() + days * DAY_MS);
    const spent = (nano: bigint, days: number | null = 30) => ({ ...standing(nano, days), allowedNanoUsd: 1_000n });
    expect(exhaustionOf(spent(500n), START, at(10).getTime())).toEqual(at(20));
    expect(exhaustionOf(spent(500n), at(5), at(10).getTime())).toEqual(at(15));
    expect(exhaustionOf(spent(1_000n), START, at(3).getTime())).toEqual(at(3));
    // It resets on day 30, before the money ends on day 40.
    expect(exhaustionOf(spent(250n), START, at(10).getTime())).toBeNull();
    expect(exhaustionOf(spent(250n, null), START, at(10).getTime())).toEqual(at(40));
    expect(exhaustionOf(spent(0n), START, at(10).getTime())).toBeNull();
    expect(exhaustionOf(spent(900n), START, at(0.1).getTime())).toBeNull();
  });

  it('is what was spent when the period is over, and never less before', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 18n }),
        fc.double({ min: 0.03, max: 1.2, noNaN: true }),
        (spent, share) => {
          const forecast = forecastOf(standing(spent, 30), START.getTime() + Math.round(share * 30 * DAY_MS));
          if (share >= 1) expect(forecast).toBe(spent);
          else expect(forecast).toBeGreaterThanOrEqual(spent);
        },
      ),
    );
  });
});
