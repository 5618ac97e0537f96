import { setTimeout as sleep } from 'node:timers/promises';
import type { Asked } from './limited-fleet';
import { mostSurelyInAnyWindow } from './limiter-replica';
import type { Trace } from './limit-traces';

export const isAdmitted = ({ status }: Asked): boolean => status === 200;
export const isRefused = ({ status }: Asked): boolean => status === 429;

/** Makes each call of a trace at its time. Resolves when all are answered. */
export async function play(trace: Trace, ask: (index: number) => Promise<Asked>): Promise<Asked[]> {
  const startMs = performance.now();
  const calls: Promise<Asked>[] = [];
  for (const [index, at] of trace.entries()) {
    const wait = startMs + at - performance.now();
    if (wait > 0) await sleep(wait);
    calls.push(ask(index));
  }
  return Promise.all(calls);
}

/** The most requests, and the most tokens, that a window surely held. */
export function mostOf(asked: readonly Asked[], windowMs: number): { requests: number; tokens: number } {
  const admitted = asked.filter(isAdmitted);
  return {
    requests: mostSurelyInAnyWindow(
      admitted.map((call) => ({ ...call, cost: 1 })),
      windowMs,
    ),
    tokens: mostSurelyInAnyWindow(admitted, windowMs),
  };
}

/** How many of the calls a log of every admission would have let pass. */
export function admittedByLog(asked: readonly Asked[], limit: number, windowMs: number): number {
  const log: number[] = [];
  let admitted = 0;
  for (const { answeredMs } of [...asked].sort((a, b) => a.answeredMs - b.answeredMs)) {
    while (log.length > 0 && log[0]! <= answeredMs - windowMs) log.shift();
    if (log.length >= limit) continue;
    log.push(answeredMs);
    admitted += 1;
  }
  return admitted;
}

/** Refusals for requests at times when nothing at all had been admitted for longer than a window lasts. */
export function madeUp(asked: readonly Asked[], windowMs: number): number {
  const admitted = asked.filter(isAdmitted);
  return asked.filter(
    (call) =>
      isRefused(call) &&
      !admitted.some((other) => other.endedMs >= call.sentMs - windowMs * (62 / 60) && other.sentMs <= call.answeredMs),
  ).length;
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
