import { NANO_PER_USD, type NanoUsd } from '../../../core/money';

const LOCALE = 'en-US';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(LOCALE, { style: 'percent', maximumFractionDigits: 1 });

/** An amount as a person reads it: cents when it is dollars, enough digits when it is less. For exact sums use `formatUsd`. */
export function showUsd(amount: NanoUsd): string {
  if (amount < 0n) return `−${showUsd(-amount)}`;
  const usd = Number(amount) / Number(NANO_PER_USD);
  if (amount === 0n) return '$0';
  if (usd < 0.000001) return '<$0.000001';
  // Three significant digits of what is less than a dollar.
  const least = usd >= 1 ? 2 : Math.min(9, 2 - Math.floor(Math.log10(usd)));
  return `$${usd.toLocaleString(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: least })}`;
}

export const showCount = (count: number): string => whole.format(count);

/** `12.3K`: for figures that are looked at, not added up. */
export const showCompact = (count: number): string => (count < 10_000 ? whole.format(count) : compact.format(count));

export function showMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms >= 2 * HOUR_MS) return `${Math.round(ms / HOUR_MS)} h`;
  if (ms >= 2 * MINUTE_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export const showShare = (part: number, all: number): string => (all === 0 ? '–' : percent.format(part / all));

/** `2026-11-23 14:05:06`, in UTC; the browser shows it in its own time zone. */
export const showTime = (time: Date): string => time.toISOString().slice(0, 19).replace('T', ' ');

export const showDay = (time: Date): string => time.toISOString().slice(0, 10);

export interface Change {
  readonly text: string;
  /** Up, down or neither; whether that is good depends on the figure. */
  readonly direction: 'up' | 'down' | 'flat';
}

/** How a figure compares with the period before; null when there is nothing to compare with. */
export function changeOf(now: number, before: number): Change | null {
  if (before === 0) return null;
  const ratio = (now - before) / before;
  if (Math.abs(ratio) < 0.005) return { text: 'no change', direction: 'flat' };
  const text =
    ratio > 9.99
      ? `${whole.format(now / before)}×`
      : `${Math.abs(ratio * 100).toFixed(ratio < 0.1 && ratio > -0.1 ? 1 : 0)}%`;
  return { text, direction: ratio > 0 ? 'up' : 'down' };
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** `2 hours`; odd seconds are told as seconds. */
export function showDuration(seconds: number): string {
  for (const [unit, length] of UNITS) {
    if (seconds >= length && seconds % length === 0) return plural(seconds / length, unit);
  }
  return plural(seconds, 'second');
}

const plural = (count: number, unit: string): string => `${whole.format(count)} ${unit}${count === 1 ? '' : 's'}`;

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** `1.4 MB`, in powers of 1024. */
export function showBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${BYTE_UNITS[power] ?? 'B'}`;
}
