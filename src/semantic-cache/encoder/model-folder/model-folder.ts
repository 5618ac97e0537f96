import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { JsonObject } from '../../../core/chat';

/** How the vector of a text comes out of those of its tokens: their mean, or that of the first. */
export type Pooling = 'mean' | 'cls';

/** A sentence-embedding model on disk, as its small files describe it. */
export interface ModelFolder {
  readonly modelFile: string;
  readonly tokenizerFile: string;
  readonly tokenizerConfig: JsonObject;
  /** What the model reads at most, marks of beginning and end included. */
  readonly windowTokens: number;
  readonly pooling: Pooling;
  /** Of the tokens' vectors; null where nothing says. */
  readonly dimension: number | null;
  /** What follows the pooling and is not part of the model file, by its class. */
  readonly further: readonly string[];
}

/** As exporters lay it out, then as transformers.js does. */
const MODEL_FILES = ['model.onnx', 'onnx/model.onnx', 'onnx/model_quantized.onnx', 'model_quantized.onnx'];

/** Tokenizers that know no bound say a number beyond all bounds. */
const MAX_WINDOW = 100_000;

/** What configurations call them, old and new. */
const POOLINGS: ReadonlyMap<string, Pooling> = new Map([
  ['mean_tokens', 'mean'],
  ['mean', 'mean'],
  ['cls_token', 'cls'],
  ['cls', 'cls'],
]);
const POOLING_FLAG = 'pooling_mode_';

/** Modules of sentence-transformers that are run here. */
const KNOWN_MODULES = /\.(Transformer|Pooling|Normalize)$/;

/** Reads what describes the model, not the model. Throws with what is missing or unfit. */
export function readModelFolder(folder: string): ModelFolder {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new Error(`${folder} is no folder`);
  const modelFile = MODEL_FILES.map((name) => path.join(folder, name)).find((file) => existsSync(file));
  if (modelFile === undefined)
    throw new Error(`${folder} has no model; one of ${MODEL_FILES.join(', ')} must be there`);
  const tokenizerFile = path.join(folder, 'tokenizer.json');
  if (!existsSync(tokenizerFile))
    throw new Error(`${folder} has no tokenizer.json; export the tokenizer with the model`);
  const config = readJson(folder, 'config.json');
  const tokenizerConfig = readJson(folder, 'tokenizer_config.json');
  return {
    modelFile,
    tokenizerFile,
    tokenizerConfig,
    windowTokens: windowOf(folder, [
      readJson(folder, 'sentence_bert_config.json')['max_seq_length'],
      tokenizerConfig['model_max_length'],
      config['max_position_embeddings'],
    ]),
    pooling: poolingOf(readJson(folder, '1_Pooling/config.json')),
    dimension: typeof config['hidden_size'] === 'number' ? config['hidden_size'] : null,
    further: furtherModules(readJson(folder, 'modules.json')),
  };
}

/** What is wrong with the folder, as far as can be seen without loading the model; null for nothing. */
export function modelFolderFault(folder: string): string | null {
  try {
    readModelFolder(folder);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Empty for a file that is not there: an export has some of them. */
function readJson(folder: string, name: string): JsonObject {
  const file = path.join(folder, name);
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JsonObject;
  } catch (error) {
    throw new Error(`${file} is not JSON`, { cause: error });
  }
}

/** The least that any file says. */
function windowOf(folder: string, said: readonly unknown[]): number {
  const bounds = said.filter((bound): bound is number => typeof bound === 'number' && bound > 0 && bound <= MAX_WINDOW);
  if (bounds.length > 0) return Math.min(...bounds);
  throw new Error(
    `${folder} does not say how many tokens the model reads; write { "max_seq_length": 512 }, or what is true of it, to sentence_bert_config.json`,
  );
}

function poolingOf(config: JsonObject): Pooling {
  const flags = Object.keys(config).filter((key) => key.startsWith(POOLING_FLAG) && config[key] === true);
  const named = config['pooling_mode'];
  const modes = [...flags.map((key) => key.slice(POOLING_FLAG.length)), ...(typeof named === 'string' ? [named] : [])];
  if (modes.length === 0) return 'mean';
  const pooling = POOLINGS.get(modes.join(' and '));
  if (pooling) return pooling;
  throw new Error(`1_Pooling/config.json asks for ${modes.join(' and ')}; only mean_tokens or cls_token will do`);
}

/** A list in its file. */
const furtherModules = (modules: JsonObject): string[] =>
  Object.values(modules)
    .map((each) => String((each as { type?: unknown } | null)?.type))
    .filter((type) => !KNOWN_MODULES.test(type));
