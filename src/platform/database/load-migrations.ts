import fs from 'node:fs';
import path from 'node:path';
import type { MigrationInterface } from 'typeorm';

type MigrationClass = new () => MigrationInterface;

/** `src/` and `dist/` lie at the same depth, so this is `migrations/` at the top level from both. */
const DIRECTORY = path.resolve(__dirname, '..', '..', '..', 'migrations');

/** The classes of all files in `migrations/`, oldest first. Read by name, not by a glob: the path may hold any character. */
export function loadMigrations(directory = DIRECTORY): MigrationClass[] {
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith('.js'))
    .sort()
    .flatMap((name) => Object.values(require(path.join(directory, name)) as Record<string, MigrationClass>));
}
