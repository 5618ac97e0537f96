import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for something that happens elsewhere; throws when it has not happened within `timeoutMs`. */
export async function until(isTrue: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for: ${String(isTrue)}`);
    await sleep(10);
  }
}
