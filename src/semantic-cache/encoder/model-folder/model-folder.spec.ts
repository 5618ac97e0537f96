import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cosine, type Encoded } from '../prompt-encoder';
import { TINY_DIMENSION, TINY_WINDOW, writeTinyModel, type TinyOptions } from '../testing/tiny-model';
import { modelFolderFault } from './model-folder';
import { ModelFolderPromptEncoder } from './model-folder.prompt-encoder';

const QUESTION = 'What are the advantages of microservices?';
const PARAPHRASE = 'What are the benefits of using microservices?';

let root: string;
beforeAll(() => void (root = mkdtempSync(path.join(os.tmpdir(), 'model-folder-'))));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
const made = (options: TinyOptions = {}): string => writeTinyModel(path.join(root, `tiny-${(count += 1)}`), options);

/** Each time in a thread of its own. */
async function run(folder: string, texts: readonly string[], prefix = '') {
  const encoder = new ModelFolderPromptEncoder({ folder, prefix }, 30_000, () => performance.now());
  try {
    return { vectors: await Promise.all(texts.map((text) => encoder.encode(text))), name: encoder.name };
  } finally {
    await encoder.close();
  }
}
const vectorsOf = async (folder: string, texts: readonly string[], prefix = ''): Promise<readonly Encoded[]> =>
  (await run(folder, texts, prefix)).vectors;
const similarity = async (folder: string, left: string, right: string): Promise<number> => {
  const [one, other] = (await vectorsOf(folder, [left, right])) as Float32Array[];
  return cosine(one!, other!);
};

describe('a model in a folder', () => {
  it('runs in a thread, and is known by its name and the content of its files', async () => {
    const folder = made();
    const encoder = new ModelFolderPromptEncoder({ folder, prefix: '' }, 30_000, () => performance.now());
    expect(encoder.name).toBeNull();
    const vectors = await Promise.all([QUESTION, PARAPHRASE, QUESTION].map((text) => encoder.encode(text)));
    expect(encoder.name).toMatch(/^tiny-\d+@[0-9a-f]{16}$/);
    const [question, paraphrase, again] = vectors as Float32Array[];
    expect(question).toHaveLength(TINY_DIMENSION);
    expect(cosine(question!, question!)).toBeCloseTo(1, 5);
    expect(again).toEqual(question);
    expect(cosine(question!, paraphrase!)).toBeGreaterThan(0.9);
    await encoder.close();
  });

  it('its vectors are the mean of the tokens, marks included', async () => {
    const folder = made();
    const [whole] = (await vectorsOf(folder, ['the of'])) as Float32Array[];
    const alone = await vectorsOf(folder, ['the the', 'of of']);
    // The marks count twice here and once there: the sum is nearer to the mean of both than to either.
    const [first, second] = alone as Float32Array[];
    const mean = first!.map((value, index) => value + second![index]!);
    expect(cosine(whole!, mean) / Math.sqrt(cosine(mean, mean))).toBeGreaterThan(0.99);
    expect(cosine(whole!, first!)).toBeLessThan(0.95);
  });

  it('takes the first token, or a vector of the whole text, where the model is made so', async () => {
    for (const pooling of [
      { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false },
      { pooling_mode: 'cls' },
    ]) {
      const cls = made({ files: { '1_Pooling/config.json': pooling } });
      // The first is the same mark for every text: this model knows no context.
      expect(await similarity(cls, 'the', 'of')).toBeCloseTo(1, 5);
    }
    const [whole, tokens] = [made({ outputs: 'text' }), made()];
    const both = await Promise.all([whole, tokens].map((folder) => vectorsOf(folder, [QUESTION])));
    const [one, other] = both.flat() as Float32Array[];
    expect(cosine(one!, other!)).toBeCloseTo(1, 5);
  });

  it('finds the files where transformers.js has them, and gives every usual input', async () => {
    const inputs = ['attention_mask', 'token_type_ids', 'position_ids'];
    const folder = made({ modelFile: 'onnx/model_quantized.onnx', inputs });
    expect(await similarity(folder, QUESTION, PARAPHRASE)).toBeGreaterThan(0.9);
  });

  it('a vector is the same whatever texts come with it', async () => {
    const folder = made();
    const [alone] = (await vectorsOf(folder, [QUESTION])) as Float32Array[];
    const texts = ['the', QUESTION, 'a'.repeat(20), PARAPHRASE, 'of', QUESTION];
    const together = (await vectorsOf(folder, texts)) as Float32Array[];
    expect(together[1]).toEqual(alone);
    expect(together[5]).toEqual(alone);
  });

  it('reads no text past its window, none with words it does not know, and no empty one', async () => {
    const folder = made();
    const words = (number: number): string => 'the '.repeat(number);
    const texts = [words(TINY_WINDOW - 2), words(TINY_WINDOW - 1), 'what is \u4eca\u5929', ' ', ''];
    const [longest, ...others] = await vectorsOf(folder, texts);
    expect(longest).toHaveLength(TINY_DIMENSION);
    expect(others).toEqual(['too_long', 'unreadable', 'unreadable', 'unreadable']);
    const short = made({ files: { 'sentence_bert_config.json': { max_seq_length: 8 } } });
    const [eight, nine] = await vectorsOf(short, [words(6), words(7)]);
    expect([typeof eight, nine]).toEqual(['object', 'too_long']);
    // What stands before each text counts, and is no text.
    const [seven, empty] = await vectorsOf(short, [words(6), ''], 'the ');
    expect([seven, empty]).toEqual(['too_long', 'unreadable']);
  });

  it('another file, pooling or prefix is another encoder', async () => {
    const folder = made();
    const nameOf = async (prefix = ''): Promise<string | null> => (await run(folder, ['the'], prefix)).name;
    const first = await nameOf();
    expect(await nameOf()).toBe(first);
    expect(await nameOf('query: ')).not.toBe(first);
    appendFileSync(path.join(folder, 'tokenizer.json'), ' ');
    const second = await nameOf();
    expect(second).not.toBe(first);
    appendFileSync(path.join(folder, 'model.onnx_data'), 'weights');
    expect(await nameOf()).not.toBe(second);
  });
});

describe('a folder that will not do', () => {
  it.each<[string, TinyOptions, RegExp]>([
    ['no tokenizer', { files: { 'tokenizer.json': null } }, /has no tokenizer\.json/],
    ['no model', { modelFile: 'other.onnx' }, /has no model; one of model\.onnx, /],
    ['no window', { files: { 'config.json': {} } }, /does not say how many tokens/],
    ['broken JSON', { files: { 'config.json': '{' } }, /config\.json is not JSON/],
    [
      'a pooling of its own',
      { files: { '1_Pooling/config.json': { pooling_mode_max_tokens: true } } },
      /asks for max_tokens; only mean_tokens or cls_token/,
    ],
  ])('is seen before it is loaded: %s', async (_, options, fault) => {
    const folder = made(options);
    expect(modelFolderFault(folder)).toMatch(fault);
    await expect(run(folder, ['the'])).rejects.toThrow(fault);
  });

  it('is no folder at all', () => {
    expect(modelFolderFault(path.join(root, 'nothing'))).toMatch(/is no folder/);
    expect(modelFolderFault(__filename)).toMatch(/is no folder/);
    expect(modelFolderFault(made())).toBeNull();
  });

  it.each<[string, TinyOptions, RegExp]>([
    ['inputs of another kind', { inputs: ['pixel_values'] }, /wants an input "pixel_values"; known are input_ids/],
    ['outputs nobody knows', { outputs: 'two' }, /has the outputs one, other; one must be sentence_embedding/],
    [
      'another dimension than its configuration',
      { dimension: 16, files: { 'config.json': { hidden_size: 384, max_position_embeddings: 32 } } },
      /gives vectors of 16 numbers, but config\.json says 384/,
    ],
    [
      'a layer that is not in the file',
      { files: { 'modules.json': [{ type: 'sentence_transformers.models.Dense' }] } },
      /lacks what modules\.json puts behind it \(sentence_transformers\.models\.Dense\)/,
    ],
    ['a tokenizer that is none', { files: { 'tokenizer.json': {} } }, /is not a tokenizer/],
  ])('is seen when it is loaded: %s', async (_, options, fault) => {
    await expect(run(made(options), ['the'])).rejects.toThrow(fault);
  });
});
