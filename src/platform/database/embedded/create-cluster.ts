import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './binaries';
import type { ClusterHome } from './cluster-home';

const run = promisify(execFile);

/** What PostgreSQL's programs see of our environment: nothing but what they need. */
export const serverEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' });

export const runAsOptions = (home: ClusterHome): { uid?: number; gid?: number } =>
  home.runAs ? { uid: home.runAs.uid, gid: home.runAs.gid } : {};

/**
 * Makes the cluster's files when there are none; true when it did. It works under another name and renames at the end,
 * so a start that was killed half-way leaves nothing that looks like a database.
 */
export async function createCluster(home: ClusterHome, binaries: Binaries, user: string): Promise<boolean> {
  const versionFile = path.join(home.data, 'PG_VERSION');
  if (fs.existsSync(home.data)) {
    requireVersion(readVersion(versionFile, home), binaries, home);
    return false;
  }
  const creating = path.join(home.home, 'data.creating');
  const passwordFile = path.join(home.home, 'data.password');
  fs.rmSync(creating, { recursive: true, force: true });
  fs.rmSync(passwordFile, { force: true });
  fs.mkdirSync(creating, { mode: 0o700 });
  home.giveAway(creating);
  fs.writeFileSync(passwordFile, `${home.state.password}\n`, { mode: 0o600, flag: 'wx' });
  home.giveAway(passwordFile);
  try {
    await initialise(home, binaries, [creating, passwordFile, user]);
  } finally {
    fs.rmSync(passwordFile, { force: true });
  }
  fs.renameSync(creating, home.data);
  return true;
}

async function initialise(
  home: ClusterHome,
  binaries: Binaries,
  [directory, passwordFile, user]: [directory: string, passwordFile: string, user: string],
): Promise<void> {
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--encoding=UTF8'];
  const access = [`--username=${user}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  try {
    await run(binaries.initdb, [`--pgdata=${directory}`, ...access, ...locale, '--data-checksums'], {
      ...runAsOptions(home),
      env: serverEnvironment(),
      cwd: '/',
    });
  } catch (error) {
    const detail = (error as { stderr?: string }).stderr?.trim() || String(error);
    throw new Error(
      `The embedded PostgreSQL could not create its database in ${home.home}: ${detail}\nMend what it says, or set DATABASE_URL to a PostgreSQL database.`,
      { cause: error },
    );
  }
}

function readVersion(file: string, home: ClusterHome): string {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === 'EACCES';
    throw new Error(
      denied
        ? `${home.data} belongs to another user: start the gateway as the user who started it first, or as root.`
        : `${home.data} is not a PostgreSQL database: restore it, or move ${home.home} away to start with an empty one.`,
      { cause: error },
    );
  }
}

function requireVersion(found: string, binaries: Binaries, home: ClusterHome): void {
  if (found === binaries.majorVersion) return;
  throw new Error(
    `The database in ${home.data} was written by PostgreSQL ${found}, and the embedded one is ${binaries.version}. Carry it over with pg_dump, or set DATABASE_URL to a PostgreSQL ${found} server.`,
  );
}
