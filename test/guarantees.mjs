// `npm run guarantees`: every promise of the product with the figure and the seed of the last run that proved it here.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.join(import.meta.dirname, '..', '.guarantees');
const promises = JSON.parse(readFileSync(path.join(import.meta.dirname, 'promises.json'), 'utf8'));

const rows = Object.entries(promises).map(([row, promise]) => {
  const file = path.join(folder, `${row}.json`);
  if (!existsSync(file)) return [row, promise, 'not run here', ''];
  const { figure, seed, at } = JSON.parse(readFileSync(file, 'utf8'));
  return [row, promise, figure, `${at.slice(0, 16)}${seed === null ? '' : `, seed ${seed}`}`];
});
const width = (column) => Math.max(...rows.map((row) => row[column].length));
const widths = [width(0), width(1), width(2)];
for (const row of rows)
  process.stdout.write(`${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`);
const proved = rows.filter(([, , figure]) => figure !== 'not run here').length;
process.stdout.write(`\n${proved} of ${rows.length} with a figure; npm test and npm run test:nightly make them\n`);
