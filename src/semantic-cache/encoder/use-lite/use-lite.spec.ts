import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { Child } from '../../../../test/support/child';
import { cosine } from '../prompt-encoder';
import { FloatUseLite } from '../testing/float-use-lite';
import { modelFiles } from './model-files';
import { UseLitePromptEncoder } from './use-lite.prompt-encoder';

const TEXTS = [
  'What is the capital of France?',
  "Which city is France's capital?",
  'What is the capital of Germany?',
  'How do I reset my password?',
  'I forgot my password, how can I change it?',
  'Enable two-factor authentication for the account 4711.',
  'Turn on 2FA',
  'hello',
];

const median = (values: readonly number[]): number =>
  [...values].sort((left, right) => left - right)[values.length >> 1] ?? NaN;

describe('USE-lite', () => {
  const reference = FloatUseLite.open();
  const encoder = new UseLitePromptEncoder(30_000, () => performance.now());
  afterAll(() => encoder.close());

  it('cuts texts as the model was trained with', () => {
    const pieces = (text: string): string[] =>
      reference.tokenizer.encode(text).map((id) => reference.weights.vocabulary[id]![0]);
    expect(pieces('What is the capital of France?')).toEqual([
      '▁What',
      '▁is',
      '▁the',
      '▁capital',
      '▁of',
      '▁France',
      '?',
    ]);
    expect(pieces('  unbelievably\tgood ')).toEqual(['▁un', 'bel', 'ie', 'v', 'ably', '▁good']);
    expect(reference.tokenizer.encode('🎉🎉')).toHaveLength(2);
    expect(reference.tokenizer.encode(' \n ')).toEqual([]);
  });

  it('its pieces put together are the text, whatever the text, and no cheaper cut exists', () => {
    const { vocabulary } = reference.weights;
    const score = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + vocabulary[id]![1], 0);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,12}( [a-z]{1,12}){0,6}$/), (text) => {
        const ids = reference.tokenizer.encode(text);
        expect(
          ids
            .map((id) => vocabulary[id]![0])
            .join('')
            .replaceAll('▁', ' ')
            .trim(),
        ).toBe(text);
        const letters = [...`▁${text.replaceAll(' ', '▁')}`];
        const known = letters.map((letter) => vocabulary.findIndex(([piece]) => piece === letter));
        expect(score(ids)).toBeGreaterThanOrEqual(score(known));
      }),
      { numRuns: 50 },
    );
  });

  it('gives the cosines of the float model within what eight bits lose', async () => {
    const [exact, quantised] = [
      TEXTS.map((text) => reference.encode(text)),
      await Promise.all(TEXTS.map((text) => encoder.encode(text))),
    ];
    const vectorOf = (index: number): Float32Array => quantised[index] as Float32Array;
    const errors: number[] = [];
    for (let left = 0; left < TEXTS.length; left += 1) {
      expect(quantised[left]).toHaveLength(512);
      expect(cosine(vectorOf(left), vectorOf(left))).toBeCloseTo(1, 5);
      for (let right = left + 1; right < TEXTS.length; right += 1) {
        errors.push(Math.abs(cosine(exact[left]!, exact[right]!) - cosine(vectorOf(left), vectorOf(right))));
      }
    }
    console.info(
      `cosine error of int8: median ${median(errors).toFixed(4)}, largest ${Math.max(...errors).toFixed(4)}`,
    );
    expect(median(errors)).toBeLessThan(0.005);
    expect(Math.max(...errors)).toBeLessThan(0.02);
    // Known of the published model: a paraphrase is nearer than another country.
    expect(cosine(exact[0]!, exact[1]!)).toBeGreaterThan(cosine(exact[0]!, exact[2]!));
  });

  it('reads no text that it would have to cut', async () => {
    expect(await encoder.encode('word '.repeat(129))).toBe('too_long');
    expect(await encoder.encode('word '.repeat(128))).toHaveLength(512);
    expect(await encoder.encode(' ')).toBe('unreadable');
  });

  it('reads no text with characters that it does not know: to it they are all the same', async () => {
    const texts = ['如何删除我的账户？', '今天天气怎么样？', 'hello 🎉'];
    expect(await Promise.all(texts.map((text) => encoder.encode(text)))).toEqual(texts.map(() => 'unreadable'));
  });

  it('neither a close nor an exit amid a text aborts the process', async () => {
    const child = Child.run(path.resolve(__dirname, '../../../../test/support/busy-encoder.child.ts'), []);
    expect([await child.exit, child.text]).toEqual([3, 'closed\n']);
  });

  it('makes its files again when they are damaged', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'encoder-files-'));
    const made = modelFiles(folder);
    expect(made.model.length).toBeLessThan(8e6);
    const file = readdirSync(folder).find((name) => name.endsWith('.onnx'))!;
    writeFileSync(path.join(folder, file), made.model.subarray(0, 1000));
    expect(modelFiles(folder).model.equals(made.model)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(3);
    rmSync(folder, { recursive: true });
  });
});
