import { parseUsd, type NanoUsd } from '../core/money';
import type { Clock } from '../platform/clock';

const DAY_MS = 86_400_000;

/** What this process may spend a day (UTC). A call is allowed while anything is left, so that a day costs at most the calls under way more. */
export class DailyBudget {
  private day = 0;
  private spent: NanoUsd = 0n;

  constructor(private readonly clock: Clock) {}

  /** Whether anything is left of so many USD a day; never without an amount. */
  hasRoom(usdPerDay: string | undefined): boolean {
    if (usdPerDay === undefined) return false;
    this.turn();
    return this.spent < parseUsd(usdPerDay);
  }

  spend(cost: NanoUsd): void {
    this.turn();
    this.spent += cost;
  }

  private turn(): void {
    const today = Math.floor(this.clock.now() / DAY_MS);
    if (today !== this.day) [this.day, this.spent] = [today, 0n];
  }
}
