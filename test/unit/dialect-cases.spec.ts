import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');
const CASES = 114;

/** The numbers at the beginning of the names of tests: `(12)`, `(84, 85)`. */
function numbersIn(folder: string): number[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.spec.ts'))
    .flatMap((file) => [...readFileSync(path.join(root, folder, file), 'utf8').matchAll(NAMES)])
    .flatMap(([, numbers = '']) => numbers.split(',').map(Number));
}

const NAMES = /['"`]\((\d{1,3}(?:, \d{1,3})*)\) /g;

describe('docs/dialect-cases.md', () => {
  const numbered = [...readFileSync(path.join(root, 'docs', 'dialect-cases.md'), 'utf8').matchAll(/^(\d+)\. +\S/gm)];

  it('numbers its cases without a gap', () => {
    expect(numbered.map(([, number]) => Number(number))).toEqual(
      Array.from({ length: CASES }, (_, index) => index + 1),
    );
  });

  it('has a test for every case, and no test stands for a case that is not there', () => {
    const tested = new Set(['src/providers', 'src/gateway', 'src/core', 'test/e2e'].flatMap(numbersIn));
    const all = new Set(Array.from({ length: CASES }, (_, index) => index + 1));
    expect([...all].filter((number) => !tested.has(number))).toEqual([]);
    expect([...tested].filter((number) => !all.has(number))).toEqual([]);
  });
});
