import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for something that happens elsewhere; the test's own timeout is the deadline. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(10);
}
