import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { canonicalText, compareTexts } from './semantic-cache/evaluation';

/**
 * Measures the rules of the cache on labelled pairs of questions: how often a pair that would share an answer may
 * (precision), how many of those that may do (recall), and how many that may not would all the same (false hits).
 */

interface Pair {
  readonly a: string;
  readonly b: string;
  readonly label: 0 | 1;
  readonly kind: string;
}

const FOLDER = path.resolve(__dirname, '..', '..', 'shared', 'semantic', 'dev');
const SETS = ['gw-nearmiss', 'checklist-qqp', 'gptcache-mock', 'qqp', 'mrpc', 'banking77-nn', 'clinc150-nn'];

type Rule = readonly [name: string, serves: (pair: Pair) => boolean];

const RULES: readonly Rule[] = [
  ['canonical', ({ a, b }) => canonicalText(a) === canonicalText(b)],
  ['conservative', ({ a, b }) => canonicalText(a) === canonicalText(b) || compareTexts(a, b).reasons.length === 0],
];

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** The interval in which the true share lies with 95 % certainty (Wilson). */
function interval(hits: number, of: number): string {
  if (of === 0) return '   –  (no case)      ';
  const z = 1.96;
  const share = hits / of;
  const middle = (share + (z * z) / (2 * of)) / (1 + (z * z) / of);
  const half = (z / (1 + (z * z) / of)) * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  const text = (value: number): string => Math.min(1, Math.max(0, value)).toFixed(4);
  return `${text(share)} [${text(middle - half)}, ${text(middle + half)}]`;
}

async function readPairs(file: string): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line.trim() !== '') pairs.push(JSON.parse(line) as Pair);
  }
  return pairs;
}

function measure(pairs: readonly Pair[], [name, serves]: Rule, isVerbose: boolean): void {
  let [right, wrong] = [0, 0];
  for (const pair of pairs) {
    if (!serves(pair)) continue;
    if (pair.label === 1) right += 1;
    else wrong += 1;
    if (isVerbose && pair.label === 0) print(`      false hit (${pair.kind}): ${pair.a} | ${pair.b}`);
  }
  const positives = pairs.filter(({ label }) => label === 1).length;
  const columns = [
    `hits ${String(right + wrong).padStart(6)}`,
    `precision ${interval(right, right + wrong)}`,
    `recall ${interval(right, positives)}`,
    `false hits ${interval(wrong, pairs.length - positives)}`,
  ];
  print(`  ${name.padEnd(14)}${columns.join('  ')}`);
}

async function main(): Promise<void> {
  const isVerbose = process.argv.includes('--verbose');
  if (!existsSync(FOLDER)) {
    print('The labelled pairs are not on this machine: nothing is measured.');
    return;
  }
  for (const name of SETS) {
    const file = path.join(FOLDER, `${name}.jsonl`);
    if (!existsSync(file)) continue;
    const pairs = await readPairs(file);
    print(`${name}: ${pairs.length} pairs`);
    for (const rule of RULES) measure(pairs, rule, isVerbose && name === 'gw-nearmiss');
    const surface = pairs.filter(({ kind, label }) => kind === 'surface' && label === 1);
    const [canonical] = RULES;
    if (surface.length > 0 && canonical) {
      const found = surface.filter(canonical[1]);
      print(`  surface variants found by the canonical tier: ${found.length} of ${surface.length}`);
      if (isVerbose)
        for (const { a, b } of surface.filter((pair) => !canonical[1](pair))) print(`      missed: ${a} | ${b}`);
    }
  }
}

void main();
