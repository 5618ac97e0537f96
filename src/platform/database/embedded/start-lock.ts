import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './postmaster';

const POLL_MS = 50;
/** Longer than any start: a lock this old was left by a process whose number has been taken by another. */
const STALE_AFTER_MS = 180_000;

/** Locks this very process holds: a file with our own process number that is not here was left by an earlier life. */
const held = new Set<string>();

/** Runs `action` while no other process of this machine starts or creates the same cluster. */
export async function withStartLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  while (!tryLock(file)) await sleep(POLL_MS);
  held.add(file);
  try {
    return await action();
  } finally {
    held.delete(file);
    fs.rmSync(file, { force: true });
  }
}

function tryLock(file: string): boolean {
  try {
    fs.writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (isStale(file)) fs.rmSync(file, { force: true });
    return false;
  }
}

function isStale(file: string): boolean {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return false;
  const ageMs = Date.now() - stat.mtimeMs;
  const holder = readHolder(file);
  // The file is empty for the instant between its creation and the writing of the number.
  if (holder === null) return ageMs > 1_000;
  if (holder === process.pid) return !held.has(file);
  return !isAlive(holder) || ageMs > STALE_AFTER_MS;
}

function readHolder(file: string): number | null {
  try {
    const holder = Number(fs.readFileSync(file, 'utf8'));
    return holder > 0 ? holder : null;
  } catch {
    return null;
  }
}
