import { readFileSync } from 'node:fs';
import path from 'node:path';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const root = path.join(__dirname, '..', '..');

function packagesOf(file: string): Record<string, Locked> {
  return (JSON.parse(readFileSync(path.join(root, file), 'utf8')) as { packages: Record<string, Locked> }).packages;
}

/** Where Node would find it: in the folder itself, or in one above it. */
function isFound(packages: Record<string, Locked>, from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}

describe.each(['package-lock.json', 'bench/peer/package-lock.json'])('%s', (file) => {
  const packages = packagesOf(file);

  // npm writes such a lock file when a binary for another platform is missing from the registry, and then `npm ci` refuses it.
  it('holds every package that one of its packages names, those for other platforms too', () => {
    const missing = Object.entries(packages).flatMap(([from, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isFound(packages, from, name))
        .map((name) => `${from} names ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('pins content and no registry', () => {
    const entries = Object.entries(packages).filter(([from]) => from !== '');
    expect(entries.length).toBeGreaterThan(50);
    expect(entries.filter(([, { integrity }]) => !integrity).map(([from]) => from)).toEqual([]);
    expect(entries.filter(([, { resolved }]) => resolved !== undefined).map(([from]) => from)).toEqual([]);
  });
});
