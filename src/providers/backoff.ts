import { setTimeout as sleep } from 'node:timers/promises';
import { abortSignalOf, type Cancellable } from '../core/cancel-signal';

const BASE_MS = 250;
const CAP_MS = 8_000;

/**
 * How long to wait before another call of the same target: full jitter, that is anything between nothing and a bound that
 * doubles with each failure, so that many requests that failed together do not come back together.
 */
export function fullJitterMs(failures: number, random: () => number): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** (failures - 1));
}

/** Waits, unless the signal is or becomes aborted: then it returns at once. Resolves, never rejects. */
export async function pauseFor(milliseconds: number, signal: Cancellable): Promise<void> {
  await sleep(Math.max(1, Math.ceil(milliseconds)), undefined, { signal: abortSignalOf(signal) }).catch(
    () => undefined,
  );
}

/** Chance and time as routing uses them; a test turns both. */
export class Pacer {
  constructor(
    readonly random: () => number = Math.random,
    readonly pause: (milliseconds: number, signal: Cancellable) => Promise<void> = pauseFor,
  ) {}
}
