import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { canReach, chooseRunAs, type RunAs } from './run-as';

/** What is kept in `<data directory>/postgres/cluster.json` (mode 0600), so that the next start finds the same database. */
export interface ClusterState {
  /** Directory that holds the cluster, when PostgreSQL's user cannot reach the data directory; null: beside this file. */
  readonly home: string | null;
  readonly port: number;
  readonly password: string;
}

/** Others may pass through, not list: the directories inside that hold secrets are closed for themselves. */
const PASSABLE = 0o711;
const FALLBACK_ROOT = '/var/tmp';

/** The place of one embedded cluster on disk. */
export class ClusterHome {
  private readonly stateFile: string;

  private constructor(
    private readonly stateDirectory: string,
    readonly home: string,
    readonly runAs: RunAs | null,
    private stored: ClusterState | null,
  ) {
    this.stateFile = path.join(stateDirectory, 'cluster.json');
  }

  /** The file that is locked while the cluster of this data directory is looked at, created or started. */
  static lockFile(dataDirectory: string): string {
    const stateDirectory = path.join(path.resolve(dataDirectory), 'postgres');
    fs.mkdirSync(stateDirectory, { recursive: true, mode: PASSABLE });
    return path.join(stateDirectory, 'start.lock');
  }

  /** Opens, inside the lock, the home of the cluster that belongs to this data directory; the first time, chooses where it will be. */
  static open(dataDirectory: string, log: (line: string) => void): ClusterHome {
    const stateDirectory = path.dirname(ClusterHome.lockFile(dataDirectory));
    const stored = readState(path.join(stateDirectory, 'cluster.json'));
    const runAs = chooseRunAs(stored && path.join(stored.home ?? stateDirectory, 'data'));
    const home = stored ? (stored.home ?? stateDirectory) : chooseHome(stateDirectory, runAs, log);
    requireUsable(home, runAs, stored, stateDirectory);
    return new ClusterHome(stateDirectory, home, runAs, stored);
  }

  get data(): string {
    return path.join(this.home, 'data');
  }

  get logFile(): string {
    return path.join(this.home, 'postgres.log');
  }

  /** The stored state; the first call makes and keeps a password. */
  get state(): ClusterState {
    if (this.stored) return this.stored;
    const home = this.home === this.stateDirectory ? null : this.home;
    return this.keep({ home, port: 0, password: randomBytes(24).toString('base64url') });
  }

  keepPort(port: number): void {
    if (port !== this.state.port) this.keep({ ...this.state, port });
  }

  /** Makes a directory or file the property of PostgreSQL's user. */
  giveAway(target: string): void {
    if (this.runAs) fs.chownSync(target, this.runAs.uid, this.runAs.gid);
  }

  private keep(state: ClusterState): ClusterState {
    const written = `${this.stateFile}.${process.pid}`;
    fs.writeFileSync(written, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    fs.renameSync(written, this.stateFile);
    this.stored = state;
    return state;
  }
}

function readState(file: string): ClusterState | null {
  if (!fs.existsSync(file)) return null;
  const state = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<ClusterState>;
  const isHome = state.home === null || typeof state.home === 'string';
  if (!isHome || typeof state.password !== 'string' || typeof state.port !== 'number') {
    throw new Error(
      `${file} is damaged: restore it from a backup, or move its directory away to start with an empty database.`,
    );
  }
  return { home: state.home ?? null, port: state.port, password: state.password };
}

function chooseHome(stateDirectory: string, runAs: RunAs | null, log: (line: string) => void): string {
  if (runAs === null) return stateDirectory;
  makePassable(path.dirname(stateDirectory));
  makePassable(stateDirectory);
  if (canReach(stateDirectory, runAs)) return stateDirectory;
  const key = createHash('sha256').update(fs.realpathSync(stateDirectory)).digest('hex').slice(0, 16);
  const home = path.join(FALLBACK_ROOT, `ai-gateway-postgres-${key}`);
  fs.mkdirSync(home, { recursive: true, mode: PASSABLE });
  requireOwn(home);
  log(
    `PostgreSQL runs as ${runAs.name}, who cannot reach ${stateDirectory}: the database is kept in ${home}. Set GATEWAY_DATA_DIR to a directory that others may pass through to keep it there.`,
  );
  return home;
}

/** Opens a directory of ours for passing through; what does not belong to us is left as it is. */
function makePassable(directory: string): void {
  const stat = fs.statSync(directory);
  if (stat.uid === process.getuid?.() && (stat.mode & 1) === 0) fs.chmodSync(directory, (stat.mode & 0o777) | 0o111);
}

/** A world-writable parent lets anyone put a directory in our way. */
function requireOwn(directory: string): void {
  const stat = fs.lstatSync(directory);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
    throw new Error(
      `${directory} exists and is not ours alone. Remove it, or set GATEWAY_DATA_DIR to another directory.`,
    );
  }
}

function requireUsable(home: string, runAs: RunAs | null, stored: ClusterState | null, stateDirectory: string): void {
  if (stored && !fs.existsSync(home)) {
    throw new Error(
      `The database of this gateway was in ${home}, which is gone. Restore it, or move ${stateDirectory} away to start with an empty database.`,
    );
  }
  if (home !== stateDirectory) requireOwn(home);
  if (runAs && !canReach(home, runAs)) {
    throw new Error(
      `PostgreSQL runs as ${runAs.name}, who cannot pass through to ${home} any more. Allow it (chmod o+x on its parent directories) or set DATABASE_URL.`,
    );
  }
}
