import { Injectable } from '@nestjs/common';
import { Clock } from '../../../platform/clock';

const HOUR_MS = 60 * 60_000;
/** Typing errors are free; from the next failure on, the wait doubles: 1 s, 2 s, 4 s … */
const FREE_FAILURES = 3;
const LONGEST_WAIT_MS = 15 * 60_000;
/** ADM-7: no account is guessed at more often than this in an hour, from however many addresses. */
const GUESSES_PER_HOUR = 20;
/** Some 4 MB; the ones unused for longest are forgotten first. */
const MAX_ENTRIES = 20_000;

/** Where a guess comes from: a device that has signed in to this account before, or just an address. */
export type Source = { readonly address: string } | { readonly device: string };

const placeOf = (account: string, source: Source): string =>
  'device' in source ? `${account}\ndevice ${source.device}` : `${account}\naddress ${source.address}`;

interface Entry {
  guesses: number;
  /** When counting began, for guesses per hour. */
  sinceMs: number;
  lastMs: number;
}

/**
 * Slows down guessing. A guess counts before its outcome is known, so that many at once are no way round. Each account
 * is counted for each place guesses come from, with a wait that doubles, and as a whole, with a bound per hour. A device
 * that signed in before counts by itself: whoever attacks an account does not lock its owner out.
 */
@Injectable()
export class SignInThrottle {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly clock: Clock) {}

  /** Counts a guess and returns 0, or returns how many milliseconds to wait and counts nothing. */
  begin(account: string, source: Source): number {
    const now = this.clock.now();
    const place = placeOf(account, source);
    const whole = 'device' in source ? place : account;
    const wait = Math.max(this.doublingWait(place, now), this.hourlyWait(whole, now));
    if (wait > 0) return wait;
    this.count(place, now);
    if (whole !== place) this.count(whole, now);
    return 0;
  }

  /** The guess was right: the place starts anew, and this one guess no longer counts. Those of others still do. */
  succeeded(account: string, source: Source): void {
    this.entries.delete(placeOf(account, source));
    const whole = this.entries.get(account);
    if (whole && !('device' in source)) whole.guesses -= 1;
  }

  get size(): number {
    return this.entries.size;
  }

  private doublingWait(key: string, now: number): number {
    const entry = this.fresh(key, now);
    if (!entry || entry.guesses < FREE_FAILURES) return 0;
    const wait = Math.min(1000 * 2 ** (entry.guesses - FREE_FAILURES), LONGEST_WAIT_MS);
    return Math.max(0, entry.lastMs + wait - now);
  }

  private hourlyWait(key: string, now: number): number {
    const entry = this.fresh(key, now);
    return entry && entry.guesses >= GUESSES_PER_HOUR ? entry.sinceMs + HOUR_MS - now : 0;
  }

  private fresh(key: string, now: number): Entry | undefined {
    const entry = this.entries.get(key);
    return entry && now - entry.sinceMs < HOUR_MS ? entry : undefined;
  }

  private count(key: string, now: number): void {
    const entry = this.fresh(key, now) ?? { guesses: 0, sinceMs: now, lastMs: now };
    entry.guesses += 1;
    entry.lastMs = now;
    this.entries.delete(key);
    this.entries.set(key, entry);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= MAX_ENTRIES) return;
      this.entries.delete(oldest);
    }
  }
}
