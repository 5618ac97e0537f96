import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { canonicalText, compareTexts, cosine, judgeLikeness, openUseLite } from './semantic-cache/evaluation';

/**
 * Measures the modes of the cache on labelled pairs of questions: how often a pair that would share an answer may
 * (precision), how many of those that may do (recall), and how many that may not would all the same (false hits).
 * `npm run cache:eval -- gw-nearmiss qqp` measures the named sets only, `--verbose` prints every false hit.
 */

interface Pair {
  readonly a: string;
  readonly b: string;
  readonly label: 0 | 1;
  readonly kind: string;
}

const FOLDER = path.resolve(__dirname, '..', '..', 'shared', 'semantic', 'dev');
const SETS = ['gw-nearmiss', 'checklist-qqp', 'gptcache-mock', 'qqp', 'mrpc', 'banking77-nn', 'clinc150-nn'];

/** A pair with what the cache sees of it. */
interface Seen extends Pair {
  readonly isCanonical: boolean;
  readonly isIdentical: boolean;
  /** Null for a text that the encoder would have to cut. */
  readonly similarity: number | null;
}

type Rule = readonly [name: string, serves: (pair: Seen) => boolean];

const isConservative = ({ isCanonical, isIdentical }: Seen): boolean => isCanonical || isIdentical;

const likeness =
  (mode: 'balanced' | 'cosine', floor: number) =>
  (pair: Seen): boolean => {
    if (mode === 'balanced' ? isConservative(pair) : pair.isCanonical) return true;
    const { a, b, similarity } = pair;
    return similarity !== null && judgeLikeness(mode, { stored: a, asked: b }, similarity, floor).length === 0;
  };

const THRESHOLDS = [0.8, 0.9, 0.95];

const RULES: readonly Rule[] = [
  ['canonical', ({ isCanonical }) => isCanonical],
  ['conservative', isConservative],
  ...(['balanced', 'cosine'] as const).flatMap((mode) =>
    THRESHOLDS.map((floor): Rule => [`${mode} ${floor.toFixed(2)}`, likeness(mode, floor)]),
  ),
];

/** Of texts that are encoded together. */
const BATCH = 64;

/** Vectors of all texts of a set, the shortest first, so that texts of one length meet. */
async function encodeAll(texts: readonly string[], encode: Encode): Promise<Map<string, Float32Array | null>> {
  const vectors = new Map<string, Float32Array | null>();
  const sorted = [...new Set(texts)].sort((left, right) => left.length - right.length);
  for (let start = 0; start < sorted.length; start += BATCH) {
    const batch = sorted.slice(start, start + BATCH);
    const encoded = await encode(batch);
    batch.forEach((text, index) => vectors.set(text, encoded[index] ?? null));
  }
  return vectors;
}

type Encode = Awaited<ReturnType<typeof openUseLite>>;

async function see(pairs: readonly Pair[], encode: Encode): Promise<Seen[]> {
  const vectors = await encodeAll(
    pairs.flatMap(({ a, b }) => [a, b]),
    encode,
  );
  return pairs.map((pair) => {
    const [left, right] = [vectors.get(pair.a), vectors.get(pair.b)];
    return {
      ...pair,
      isCanonical: canonicalText(pair.a) === canonicalText(pair.b),
      isIdentical: compareTexts(pair.a, pair.b).reasons.length === 0,
      similarity: left && right ? cosine(left, right) : null,
    };
  });
}

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

function measure(pairs: readonly Seen[], [name, serves]: Rule, isVerbose: boolean): void {
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
  const asked = process.argv.slice(2);
  const isVerbose = asked.includes('--verbose');
  const sets = SETS.filter((name) => asked.includes(name));
  if (!existsSync(FOLDER)) {
    print('The labelled pairs are not on this machine: nothing is measured.');
    return;
  }
  const encode = await openUseLite();
  for (const name of sets.length > 0 ? sets : SETS) {
    const file = path.join(FOLDER, `${name}.jsonl`);
    if (!existsSync(file)) continue;
    const pairs = await see(await readPairs(file), encode);
    print(`${name}: ${pairs.length} pairs`);
    for (const rule of RULES) measure(pairs, rule, isVerbose);
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
