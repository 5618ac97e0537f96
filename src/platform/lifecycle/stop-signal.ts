import { quitEarly, STOP_SIGNALS } from './early-stop';

/** Signals that follow each other so closely are one: a terminal and npm each pass the same one on. */
const SAME_SIGNAL_MS = 1_000;

/** How this process was asked to end. */
export interface StopOrder {
  readonly signal: NodeJS.Signals;
  /** True when it was asked before and is still here: whoever asks again means at once. */
  readonly now: boolean;
}

/** Calls `listener` whenever the process is asked to end by SIGINT or SIGTERM, which then no longer end it by themselves. */
export function onStopSignal(listener: (order: StopOrder) => void): void {
  let askedMs: number | null = null;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      const nowMs = performance.now();
      if (askedMs !== null && nowMs - askedMs <= SAME_SIGNAL_MS) return;
      listener({ signal, now: askedMs !== null });
      askedMs ??= nowMs;
    });
    // Not before: with its last listener a signal that has come and was not yet told goes too.
    process.off(signal, quitEarly);
  }
}
