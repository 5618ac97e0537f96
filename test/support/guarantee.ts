import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.join(__dirname, '..', '..', '.guarantees');
const PROMISES = JSON.parse(readFileSync(path.join(__dirname, '..', 'promises.json'), 'utf8')) as object;

/**
 * Prints what a promise of the product came to in this run and keeps it for `npm run guarantees`. Call it after the
 * expectations that decide: a figure on record is a figure that passed.
 */
export function guarantee(row: string, figure: string, seed?: number): void {
  if (!(row in PROMISES)) throw new Error(`"${row}" is no row of test/promises.json`);
  mkdirSync(FOLDER, { recursive: true });
  const record = { figure, seed: seed ?? null, at: new Date().toISOString() };
  writeFileSync(path.join(FOLDER, `${row}.json`), JSON.stringify(record));
  process.stderr.write(`${row}: ${figure}${seed === undefined ? '' : ` (seed ${seed})`}\n`);
}
