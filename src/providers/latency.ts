import type { TokenUsage } from '../core/tokens';

/** How fast old measurements fade when slower ones were seen before. */
const DECAY_MS = 10_000;
/** How fast an estimate is forgotten when nothing is measured: a target that was slow once is tried again. */
const FORGET_MS = 60_000;
/** What an answer is taken to be long when the caller sets no bound: it weighs the time of a token against the first byte. */
export const TYPICAL_OUTPUT_TOKENS = 200;

interface Estimate {
  readonly valueMs: number;
  readonly atMs: number;
}

/**
 * How fast a target answers: peak-EWMA of the time to the first byte and of the time for an output token. A sample above
 * the estimate replaces it at once, one below pulls it down slowly, so a target that gets slow is noticed with one call.
 */
export interface Latency {
  readonly firstByte: Estimate | null;
  readonly perToken: Estimate | null;
}

export const UNMEASURED: Latency = Object.freeze({ firstByte: null, perToken: null });

/** One complete answer. A JSON answer has no first content of its own: its two parts are told apart by what is known. */
export interface AnswerTiming {
  readonly firstByteMs: number | null;
  readonly totalMs: number;
  readonly usage: TokenUsage | null;
}

function peak(estimate: Estimate | null, sampleMs: number, nowMs: number): Estimate {
  if (!estimate || sampleMs >= estimate.valueMs) return { valueMs: sampleMs, atMs: nowMs };
  const weight = Math.exp(-Math.max(0, nowMs - estimate.atMs) / DECAY_MS);
  return { valueMs: estimate.valueMs * weight + sampleMs * (1 - weight), atMs: nowMs };
}

export function measured(latency: Latency, { firstByteMs, totalMs, usage }: AnswerTiming, nowMs: number): Latency {
  const tokens = usage?.outputTokens ?? 0;
  if (firstByteMs !== null) {
    const perToken = tokens > 1 ? peak(latency.perToken, (totalMs - firstByteMs) / tokens, nowMs) : latency.perToken;
    return { firstByte: peak(latency.firstByte, firstByteMs, nowMs), perToken };
  }
  const writingMs = Math.min(totalMs, (latency.perToken?.valueMs ?? 0) * tokens);
  return { firstByte: peak(latency.firstByte, totalMs - writingMs, nowMs), perToken: latency.perToken };
}

/** The time an answer of so many tokens would take now; 0 for a target nobody has measured, so that it is tried. */
export function expectedMs(latency: Latency, outputTokens: number, nowMs: number): number {
  const now = (estimate: Estimate | null): number =>
    estimate ? estimate.valueMs * Math.exp(-Math.max(0, nowMs - estimate.atMs) / FORGET_MS) : 0;
  return now(latency.firstByte) + now(latency.perToken) * outputTokens;
}
