import fs from 'node:fs';
import path from 'node:path';

/** The operating-system user PostgreSQL runs as, when that is not our own: it refuses to run as root. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** Tried in this order; `nobody` exists everywhere, so that root needs no preparation. */
const CANDIDATES = ['postgres', '_postgres', 'nobody'];
const USERS_FILE = '/etc/passwd';

/**
 * Whom PostgreSQL must run as: null for "as we are" (not root). An existing cluster keeps its owner, whoever that is.
 * Throws when we are root and there is nobody to drop to.
 */
export function chooseRunAs(clusterDirectory: string | null): RunAs | null {
  if (process.getuid?.() !== 0) return null;
  const owner = clusterDirectory === null ? null : fs.statSync(clusterDirectory, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, name: `uid ${owner.uid}` };
  const users = readUsers();
  for (const name of CANDIDATES) {
    const user = users.get(name);
    if (user) return user;
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and ${USERS_FILE} has none of the users ${CANDIDATES.join(', ')}. Add one, start the gateway as another user, or set DATABASE_URL.`,
  );
}

function readUsers(): Map<string, RunAs> {
  const users = new Map<string, RunAs>();
  if (!fs.existsSync(USERS_FILE)) return users;
  for (const line of fs.readFileSync(USERS_FILE, 'utf8').split('\n')) {
    const [name = '', , uid, gid] = line.split(':');
    if (Number(uid) > 0 && Number(gid) >= 0) users.set(name, { uid: Number(uid), gid: Number(gid), name });
  }
  return users;
}

function permission(stat: fs.Stats, user: RunAs): number {
  if (stat.uid === user.uid) return (stat.mode >> 6) & 7;
  return stat.gid === user.gid ? (stat.mode >> 3) & 7 : stat.mode & 7;
}

/** True when `user` may pass through every directory down to `target`, and through `target` itself when it is one. */
export function canReach(target: string, user: RunAs): boolean {
  for (let current = fs.realpathSync(target); ; current = path.dirname(current)) {
    const stat = fs.statSync(current);
    if (stat.isDirectory() && (permission(stat, user) & 1) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}

/** True when `user` may read (and, for a program, run) the file. */
export function canReadAndRun(file: string, user: RunAs): boolean {
  return canReach(file, user) && (permission(fs.statSync(file), user) & 5) === 5;
}
