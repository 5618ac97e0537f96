import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { Tensor } from 'onnxruntime-node';
import { encodeByLength } from '../by-length';
import type { LoadedModel } from '../encoder-thread.port';
import type { NativeSection } from '../native-section';
import { OnnxSession } from '../onnx-session';
import { unitVector, type Unread } from '../prompt-encoder';
import { readModelFolder, type ModelFolder } from './model-folder';

export interface FolderModel {
  readonly folder: string;
  /** What stands before each text. */
  readonly prefix: string;
}

/** Counts up when vectors are made in another way. */
const VERSION = 1;

/** What each input of a text encoder is given for so many texts of so many tokens. */
const INPUTS: Readonly<Record<string, (ids: BigInt64Array, tokens: number) => BigInt64Array>> = {
  input_ids: (ids) => ids,
  // Texts of one length need no padding, so that there is nothing to mask.
  attention_mask: (ids) => new BigInt64Array(ids.length).fill(1n),
  token_type_ids: (ids) => new BigInt64Array(ids.length),
  position_ids: (ids, tokens) => BigInt64Array.from(ids, (_, index) => BigInt(index % tokens)),
};

/** Vectors of whole texts if the model has them, otherwise of their tokens. */
const OUTPUTS = ['sentence_embedding', 'last_hidden_state', 'token_embeddings'];

/** Loads the model and tries it once. Throws with what is wrong with it. */
export async function openModelFolder({ folder, prefix }: FolderModel, native?: NativeSection): Promise<LoadedModel> {
  const described = readModelFolder(folder);
  const cut = cutterOf(described, prefix);
  const session = await OnnxSession.open(described.modelFile, native);
  const model = new FolderSession(session, described);
  await model.tryOut();
  const name = `${path.basename(path.resolve(folder))}@${await versionOf(described, prefix)}`;
  return { name, encode: (texts) => encodeByLength(texts.map(cut), (...batch) => model.encode(...batch)) };
}

/** Of everything that decides what a vector is. */
async function versionOf({ modelFile, tokenizerFile, tokenizerConfig, pooling }: ModelFolder, prefix: string) {
  const hash = createHash('sha256').update(JSON.stringify([VERSION, pooling, prefix, tokenizerConfig]));
  const folder = path.dirname(modelFile);
  // Weights that do not fit into the file lie beside it, under names that begin with its name.
  const files = readdirSync(folder).filter((name) => name.startsWith(path.basename(modelFile)));
  for (const file of [...files.sort().map((name) => path.join(folder, name)), tokenizerFile]) {
    for await (const bytes of createReadStream(file)) hash.update(bytes as Buffer);
  }
  return hash.digest('hex').slice(0, 16);
}

function cutterOf({ tokenizerFile, tokenizerConfig, windowTokens }: ModelFolder, prefix: string) {
  const tokenizer = tokenizerFrom(tokenizerFile, tokenizerConfig);
  const unknown = tokenizer.model?.unk_token_id;
  const empty = tokenizer.encode(prefix).ids.length;
  return (text: string): readonly number[] | Unread => {
    const { ids } = tokenizer.encode(prefix + text.trim());
    // Unknown words are all one to the model, whatever they are.
    if (ids.length <= empty || (unknown !== undefined && ids.includes(unknown))) return 'unreadable';
    return ids.length > windowTokens ? 'too_long' : ids;
  };
}

function tokenizerFrom(file: string, config: ModelFolder['tokenizerConfig']): Tokenizer {
  try {
    return new Tokenizer(JSON.parse(readFileSync(file, 'utf8')) as object, config);
  } catch (error) {
    throw new Error(`${file} is not a tokenizer: ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
}

/** Runs the model, after a look at whether it is one that turns texts into vectors. */
class FolderSession {
  private readonly output: string;
  private dimension = 0;

  constructor(
    private readonly session: OnnxSession,
    private readonly described: ModelFolder,
  ) {
    for (const input of session.inputs) {
      if (!INPUTS[input.name])
        throw this.unfit(`wants an input "${input.name}"; known are ${Object.keys(INPUTS).join(', ')}`);
      if (!input.isTensor || input.type !== 'int64')
        throw this.unfit(`wants "${input.name}" as another type than int64`);
    }
    if (!session.inputs.some(({ name }) => name === 'input_ids')) throw this.unfit('has no input "input_ids"');
    const [only, ...others] = session.outputNames;
    const output =
      OUTPUTS.find((name) => session.outputNames.includes(name)) ?? (others.length === 0 ? only : undefined);
    if (output === undefined)
      throw this.unfit(`has the outputs ${session.outputNames.join(', ')}; one must be ${OUTPUTS.join(' or ')}`);
    this.output = output;
  }

  async tryOut(): Promise<void> {
    const { dims, data } = await this.run(BigInt64Array.of(0n), 1);
    this.dimension = dims.at(-1) ?? 0;
    const { dimension, further, modelFile } = this.described;
    if (!(data instanceof Float32Array)) throw this.unfit(`gives "${this.output}" as another type than float32`);
    if (dims.length === 2) return;
    if (dims.length !== 3) throw this.unfit(`gives "${this.output}" in ${dims.length} dimensions; 2 or 3 would do`);
    if (dimension !== null && this.dimension !== dimension)
      throw this.unfit(
        `gives vectors of ${this.dimension} numbers, but config.json says ${dimension}: is it of another model?`,
      );
    if (further.length > 0)
      throw this.unfit(
        `lacks what modules.json puts behind it (${further.join(', ')}); export the whole with an output "sentence_embedding" to ${path.basename(modelFile)}`,
      );
  }

  async encode(ids: BigInt64Array, texts: number, tokens: number): Promise<Float32Array[]> {
    const { dims, data } = await this.run(ids, texts);
    const size = data.length / texts;
    if (dims.at(-1) !== this.dimension || size !== this.dimension * (dims.length === 3 ? tokens : 1))
      throw this.unfit(`gave vectors of ${dims.join(' × ')} numbers where it gave ${this.dimension} before`);
    return Array.from({ length: texts }, (_, index) =>
      this.pooled((data as Float32Array).subarray(index * size, (index + 1) * size)),
    );
  }

  private async run(ids: BigInt64Array, texts: number): Promise<Tensor> {
    const tokens = ids.length / texts;
    const feeds = this.session.inputs.map(({ name }) => [
      name,
      new Tensor('int64', INPUTS[name]!(ids, tokens), [texts, tokens]),
    ]);
    return (await this.session.run(Object.fromEntries(feeds) as Record<string, Tensor>))[this.output]!;
  }

  /** One vector of length one out of those of a text's tokens. */
  private pooled(values: Float32Array): Float32Array {
    const { dimension, described } = this;
    const sum = values.slice(0, dimension);
    if (described.pooling === 'mean') {
      for (let index = dimension; index < values.length; index += 1) sum[index % dimension]! += values[index]!;
    }
    const vector = unitVector(sum);
    if (!vector) throw this.unfit('gave a vector without a direction');
    return vector;
  }

  private unfit(why: string): Error {
    return new Error(`the model in ${this.described.modelFile} ${why}`);
  }
}
