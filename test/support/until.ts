import { setTimeout as sleep } from 'node:timers/promises';

/** One look takes no longer, whatever the machine does: a longer gap means that it was suspended, and is not waited time. */
const LONGEST_LOOK_MS = 10_000;

/** Waits for something that happens elsewhere; throws when it has not happened within `timeoutMs`. */
export async function until(isTrue: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  let waitedMs = 0;
  let lastMs = performance.now();
  while (!(await isTrue())) {
    const nowMs = performance.now();
    waitedMs += Math.min(nowMs - lastMs, LONGEST_LOOK_MS);
    lastMs = nowMs;
    if (waitedMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms in vain for: ${String(isTrue)}`);
    await sleep(10);
  }
}
