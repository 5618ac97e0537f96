/** What is left of one limit, as the provider last said. */
export interface QuotaLeft {
  readonly limit: number | null;
  readonly remaining: number;
  /** Wall clock: when it is whole again. */
  readonly resetAtMs: number;
}

/** A provider's own limits of one model, learnt from its answers. */
export interface Quota {
  readonly requests: QuotaLeft | null;
  readonly tokens: QuotaLeft | null;
}

export const UNKNOWN_QUOTA: Quota = Object.freeze({ requests: null, tokens: null });

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** A reset further away is a mistake of the provider or of a clock, and must not keep a target out. */
const MAX_RESET_MS = 3_600_000;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function text(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value)?.trim();
}

function count(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** `6m0s`, `1.5s`, `20ms`, plain seconds, or a point in time, as milliseconds from now; null when it is none of them. */
export function resetInMs(value: string | undefined, nowMs: number): number | null {
  if (value === undefined || value === '') return null;
  const whole = wholeMs(value);
  if (whole !== null) return bounded(whole);
  if (/^\d+(\.\d+)?$/.test(value)) return bounded(Number(value) * 1000);
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) {
    const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
    return bounded(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0));
  }
  const date = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? null : bounded(Math.max(0, date - nowMs));
}

const [DIGIT_0, DIGIT_9] = [0x30, 0x39];

/** What most providers send, `120ms` or `7s`, without a regular expression; null: it is something else. */
function wholeMs(value: string): number | null {
  let amount = 0;
  let index = 0;
  for (; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code < DIGIT_0 || code > DIGIT_9) break;
    amount = amount * 10 + (code - DIGIT_0);
  }
  const unit = index === 0 ? undefined : UNIT_MS[value.slice(index)];
  return unit === undefined ? null : amount * unit;
}

const bounded = (milliseconds: number): number | null =>
  Number.isFinite(milliseconds) && milliseconds <= MAX_RESET_MS ? milliseconds : null;

function left(headers: Headers, names: readonly [limit: string, left: string, reset: string], nowMs: number) {
  const [left, reset] = [text(headers, names[1]), text(headers, names[2])];
  if (left === undefined || reset === undefined) return null;
  const remaining = count(left);
  const resetMs = resetInMs(reset, nowMs);
  if (remaining === null || resetMs === null) return null;
  return { limit: count(text(headers, names[0])), remaining, resetAtMs: nowMs + resetMs };
}

const openai = (kind: string) =>
  [`x-ratelimit-limit-${kind}`, `x-ratelimit-remaining-${kind}`, `x-ratelimit-reset-${kind}`] as const;
const anthropic = (kind: string) =>
  [
    `anthropic-ratelimit-${kind}-limit`,
    `anthropic-ratelimit-${kind}-remaining`,
    `anthropic-ratelimit-${kind}-reset`,
  ] as const;

/** What the headers of an answer tell of the limits; the rest stays as it was known. */
export function learnt(known: Quota, headers: Headers, nowMs: number): Quota {
  const requests = left(headers, openai('requests'), nowMs) ?? left(headers, anthropic('requests'), nowMs);
  const tokens =
    left(headers, openai('tokens'), nowMs) ??
    left(headers, anthropic('input-tokens'), nowMs) ??
    left(headers, anthropic('tokens'), nowMs);
  if (!requests && !tokens) return known;
  return { requests: requests ?? known.requests, tokens: tokens ?? known.tokens };
}

/** A request is on its way: the provider will count it, whatever it said before. */
export function spentOne(known: Quota): Quota {
  const { requests, tokens } = known;
  if (!requests) return known;
  const { limit, remaining, resetAtMs } = requests;
  return { requests: { limit, remaining: Math.max(0, remaining - 1), resetAtMs }, tokens };
}

/** Our count of a prompt may be this much above the provider's: only beyond it is a refusal certain. */
const CERTAIN_SHARE = 0.8;

/** Until when a request of so many tokens would certainly be refused (wall clock); null when it may pass. */
export function depletedUntilMs({ requests, tokens }: Quota, inputTokens: number, nowMs: number): number | null {
  const ends: number[] = [];
  if (requests && requests.remaining === 0) ends.push(requests.resetAtMs);
  if (tokens && tokens.remaining < Math.max(1, inputTokens * CERTAIN_SHARE)) ends.push(tokens.resetAtMs);
  const end = Math.max(...ends);
  return end > nowMs ? end : null;
}
