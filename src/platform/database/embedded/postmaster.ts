import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** The main process of a PostgreSQL server, as its `postmaster.pid` tells. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/** True when a process of this number exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** True when the process has ended. A zombie has: nobody may ever reap one that was adopted by a container's first process. */
export function hasEnded(pid: number): boolean {
  if (!isAlive(pid)) return true;
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
        .toString()
        .startsWith('Z');
    // The name before the state is in parentheses and may hold any character.
    return /\) [ZX] [^)]*$/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** True when this process serves this data directory. A zombie has no command line. */
function isPostmaster(pid: number, data: string): boolean {
  return pid > 0 && isAlive(pid) && commandLine(pid).includes(data);
}

/**
 * The live postmaster of a data directory, or null. A `postmaster.pid` whose number now belongs to no process, to a
 * zombie, or to a stranger is stale: it is removed, because PostgreSQL refuses to start when that number is in use.
 */
export function findPostmaster(data: string): Postmaster | null {
  const file = path.join(data, 'postmaster.pid');
  let lines: string[];
  try {
    lines = fs.readFileSync(file, 'utf8').split('\n');
  } catch {
    return null;
  }
  const pid = Number(lines[0]);
  if (isPostmaster(pid, data)) return { pid, port: Number(lines[3] ?? 0) };
  fs.rmSync(file, { force: true });
  return null;
}
