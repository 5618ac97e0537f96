import { readFileSync } from 'node:fs';
import path from 'node:path';
import { UseLitePromptEncoder } from './encoder/use-lite/use-lite.prompt-encoder';
import { RULES, score, see, type LabelledPair, type SeenPair } from './measure-pairs';

const FILE = path.resolve(__dirname, '../../test/support/cache-pairs/near-misses.jsonl');

describe('the modes on near misses', () => {
  let pairs: SeenPair[];
  const encoder = new UseLitePromptEncoder(60_000, () => performance.now());
  afterAll(() => encoder.close());
  beforeAll(async () => {
    const lines = readFileSync(FILE, 'utf8').trim().split('\n');
    pairs = await see(
      lines.map((line) => JSON.parse(line) as LabelledPair),
      (texts) => Promise.all(texts.map((text) => encoder.encode(text))),
    );
  });
  const figuresOf = (rule: string) => {
    const { right, wrong, positives, negatives } = score(
      pairs,
      RULES.find(([name]) => name === rule)!,
    );
    const figures = { precision: right / (right + wrong), recall: right / positives, falseHits: wrong / negatives };
    console.info(`${rule}: ${JSON.stringify(figures)} of ${positives} and ${negatives} pairs`);
    return figures;
  };

  it('conservative: hardly ever wrong', () => {
    const { precision, recall, falseHits } = figuresOf('conservative');
    expect(precision).toBeGreaterThanOrEqual(0.99);
    expect(falseHits).toBeLessThanOrEqual(0.01);
    expect(recall).toBeGreaterThanOrEqual(0.6);
  });

  it('balanced at 0.90: more, and seldom wrong', () => {
    const { precision, recall, falseHits } = figuresOf('balanced 0.90');
    expect(precision).toBeGreaterThanOrEqual(0.97);
    expect(falseHits).toBeLessThanOrEqual(0.025);
    expect(recall).toBeGreaterThanOrEqual(0.6);
  });

  it('a cosine alone is wrong often, whatever its threshold: that is what the guard is for', () => {
    expect(figuresOf('cosine 0.95').precision).toBeLessThan(0.9);
  });

  it('the canonical tier finds every surface variant, and nothing else', () => {
    const surface = pairs.filter(({ kind, label }) => kind === 'surface' && label === 1);
    expect(surface.length).toBeGreaterThan(150);
    expect(surface.filter(({ isCanonical }) => !isCanonical)).toEqual([]);
    expect(figuresOf('canonical').falseHits).toBe(0);
  });
});
