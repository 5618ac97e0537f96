import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FLOAT, INT64, OnnxGraph } from '../use-lite/onnx-writer';

/** Of its vectors. */
export const TINY_DIMENSION = 64;
export const TINY_WINDOW = 32;

const MARKS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];
/** Words that mean the same to it; all other words it reads letter by letter. */
const WORDS = [
  ['what'],
  ['are'],
  ['the'],
  ['advantages', 'benefits'],
  ['disadvantages'],
  ['of'],
  ['using'],
  ['microservices'],
];
const CHARACTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789'].flatMap((letter) => [[letter], [`##${letter}`]]);
const PUNCTUATION = [...'?.,:!'].map((mark) => [mark]);
const MEANINGS = [...MARKS.map((mark) => [mark]), ...WORDS, ...PUNCTUATION, ...CHARACTERS];

/** How the model departs from a well-made one. */
export interface TinyOptions {
  /** What it is given beside the ids. */
  readonly inputs?: readonly string[];
  /** `tokens`: a vector for each, as most exports; `text`: one for all; `two`: two that say nothing by their names. */
  readonly outputs?: 'tokens' | 'text' | 'two';
  readonly dimension?: number;
  /** Small files that are others, by name; null for one that is not there. */
  readonly files?: Readonly<Record<string, object | string | null>>;
  readonly modelFile?: string;
}

/** Writes an exported sentence-embedding model of a few words into a folder: a table of vectors and their mean. */
export function writeTinyModel(folder: string, options: TinyOptions = {}): string {
  const { dimension = TINY_DIMENSION, modelFile = 'model.onnx' } = options;
  const files: Record<string, object | string | null> = {
    'tokenizer.json': tokenizer(),
    'tokenizer_config.json': { tokenizer_class: 'BertTokenizer', model_max_length: 1e30 },
    'config.json': { hidden_size: dimension, max_position_embeddings: TINY_WINDOW },
    '1_Pooling/config.json': { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false },
    ...options.files,
  };
  mkdirSync(path.dirname(path.join(folder, modelFile)), { recursive: true });
  writeFileSync(path.join(folder, modelFile), graph(options, dimension));
  for (const [name, content] of Object.entries(files)) {
    if (content === null) continue;
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

/** Vectors of two meanings have next to nothing in common. */
function vectorOf(meaning: string, dimension: number): number[] {
  const bytes = createHash('shake256', { outputLength: dimension }).update(meaning).digest();
  return Array.from(bytes, (byte) => byte / 127.5 - 1);
}

function graph({ inputs = ['attention_mask'], outputs = 'tokens' }: TinyOptions, dimension: number): Buffer {
  const made = new OnnxGraph();
  const rows = MEANINGS.flatMap((words) => words.map(() => vectorOf(words[0]!, dimension)));
  const table = made.tensor('table', Float32Array.from(rows.flat()), [rows.length, dimension]);
  const ids = made.input('input_ids', INT64, ['batch', 'tokens']);
  for (const name of inputs) made.input(name, INT64, ['batch', 'tokens']);
  const shape = ['batch', 'tokens', dimension];
  if (outputs !== 'text') {
    made.output(made.node('Gather', [table, ids], {}, outputs === 'two' ? 'one' : 'last_hidden_state'), FLOAT, shape);
    if (outputs === 'two') made.output(made.node('Gather', [table, ids], {}, 'other'), FLOAT, shape);
    return made.model('tiny');
  }
  const tokens = made.node('Gather', [table, ids], {}, 'last_hidden_state');
  made.output(tokens, FLOAT, shape);
  const mean = made.node('ReduceMean', [tokens], { axes: { ints: [1] }, keepdims: { int: 0 } }, 'sentence_embedding');
  made.output(mean, FLOAT, ['batch', dimension]);
  return made.model('tiny');
}

function tokenizer(): object {
  const words = MEANINGS.flat();
  const id = (word: string): number => words.indexOf(word);
  const mark = (name: string): object => ({ SpecialToken: { id: name, type_id: 0 } });
  const special = (name: string): object => ({ id: name, ids: [id(name)], tokens: [name] });
  return {
    version: '1.0',
    // What exporters write for their own use: it must not be followed, or long texts would be cut.
    truncation: { max_length: 8, strategy: 'LongestFirst', stride: 0, direction: 'Right' },
    padding: { strategy: { Fixed: 16 }, direction: 'Right', pad_id: 0, pad_type_id: 0, pad_token: '[PAD]' },
    added_tokens: MARKS.map((content) => ({ id: id(content), content, special: true })),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [mark('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, mark('[SEP]')],
      pair: [],
      special_tokens: { '[CLS]': special('[CLS]'), '[SEP]': special('[SEP]') },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, index) => [word, index])),
    },
  };
}
