import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import {
  openModelFolder,
  openUseLite,
  RULES,
  score,
  see,
  wilsonInterval,
  type LabelledPair,
  type Rule,
  type SeenPair,
} from './semantic-cache/evaluation';

/**
 * Measures the modes of the cache on labelled pairs of questions: how often a pair that would share an answer may
 * (precision), how many of those that may do (recall), and how many that may not would all the same (false hits), each with
 * its 95 % interval. `npm run cache:eval -- gw-nearmiss qqp` measures the named sets only, `--verbose` prints every false
 * hit, `--model=FOLDER` measures with a model of one's own and `--prefix=TEXT` with what it wants before each text.
 */

/** Where all sets are; the near misses of our own come with the product. */
const FOLDER = path.resolve(__dirname, '..', '..', 'shared', 'semantic', 'dev');
const OWN = path.resolve(__dirname, '..', 'test', 'support', 'cache-pairs', 'near-misses.jsonl');
const SETS = ['gw-nearmiss', 'checklist-qqp', 'gptcache-mock', 'qqp', 'mrpc', 'banking77-nn', 'clinc150-nn'];

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** A share with the interval in which the true one lies with 95 % certainty. */
function shareOf(hits: number, of: number): string {
  const interval = wilsonInterval(hits, of);
  if (!interval) return '   –  (no case)      ';
  const [low, high] = interval.map((value) => value.toFixed(4));
  return `${(hits / of).toFixed(4)} [${low}, ${high}]`;
}

async function readPairs(file: string): Promise<LabelledPair[]> {
  const pairs: LabelledPair[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line.trim() !== '') pairs.push(JSON.parse(line) as LabelledPair);
  }
  return pairs;
}

function printScore(pairs: readonly SeenPair[], rule: Rule, isVerbose: boolean): void {
  const [name, serves] = rule;
  const { right, wrong, positives, negatives } = score(pairs, rule);
  const falseHits = isVerbose ? pairs.filter((pair) => pair.label === 0 && serves(pair)) : [];
  for (const { kind, a, b } of falseHits) print(`      false hit (${kind}): ${a} | ${b}`);
  const columns = [
    `hits ${String(right + wrong).padStart(6)}`,
    `precision ${shareOf(right, right + wrong)}`,
    `recall ${shareOf(right, positives)}`,
    `false hits ${shareOf(wrong, negatives)}`,
  ];
  print(`  ${name.padEnd(14)}${columns.join('  ')}`);
}

function printSurface(pairs: readonly SeenPair[], isVerbose: boolean): void {
  const surface = pairs.filter(({ kind, label }) => kind === 'surface' && label === 1);
  if (surface.length === 0) return;
  const missed = surface.filter(({ isCanonical }) => !isCanonical);
  print(`  surface variants found by the canonical tier: ${surface.length - missed.length} of ${surface.length}`);
  if (isVerbose) for (const { a, b } of missed) print(`      missed: ${a} | ${b}`);
}

/** The files of the sets that are on this machine. */
function filesOf(asked: readonly string[]): [name: string, file: string][] {
  const unknown = asked.filter((name) => !SETS.includes(name));
  if (unknown.length > 0) throw new Error(`no set is called ${unknown.join(', ')}; known are ${SETS.join(', ')}`);
  const named = SETS.filter((name) => asked.length === 0 || asked.includes(name)).map((name): [string, string] => [
    name,
    path.join(FOLDER, `${name}.jsonl`),
  ]);
  const found = named.filter(([, file]) => existsSync(file));
  const missing = named.filter((each) => !found.includes(each)).map(([name]) => name);
  if (asked.length > 0 && missing.length > 0) throw new Error(`${missing.join(', ')}: not in ${FOLDER}`);
  return found.length > 0 || !existsSync(OWN) ? found : [['near misses of our own', OWN]];
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      prefix: { type: 'string', default: '' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const files = filesOf(positionals);
  if (files.length === 0) print('No labelled pairs are on this machine: nothing is measured.');
  const { model: folder, prefix, verbose } = values;
  if (folder === undefined && prefix !== '') throw new Error('--prefix is for a model of yours; give --model too');
  const { name: encoder, encode } = await (folder === undefined ? openUseLite() : openModelFolder({ folder, prefix }));
  print(`encoder: ${encoder}`);
  for (const [name, file] of files) {
    const pairs = await see(await readPairs(file), encode);
    print(`${name}: ${pairs.length} pairs`);
    for (const rule of RULES) printScore(pairs, rule, verbose);
    printSurface(pairs, verbose);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`cache:eval: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
