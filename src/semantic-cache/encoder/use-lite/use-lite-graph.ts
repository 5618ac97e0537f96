import { FLOAT, INT64, OnnxGraph } from './onnx-writer';
import type { LayerWeights, Matrix, UseLiteWeights } from './use-lite-weights';

/** The encoder reads no further than this; longer texts are none of its business. */
export const WINDOW_TOKENS = 128;
export const DIMENSION = 512;
const HEADS = 4;
const EPSILON = 1e-6;
/** The largest magnitude of a signed byte, used on both sides of zero. */
const BYTE_LIMIT = 127;
/**
 * Of a factor's entries. Without VNNI a processor adds two products of an unsigned and a signed byte in 16 bits and
 * saturates: 255 × 64 × 2 is the most that fits. With the full range cosines were off by up to 0.034 on AVX2.
 */
const FACTOR_LIMIT = 64;

/** Millions of calls: a local name is found faster than a global's member. */
const { abs, max, round } = Math;

interface Quantised {
  readonly data: Int8Array;
  readonly scales: Float32Array;
}

/** Symmetric int8 with a scale a column (`by: 'column'`) or a row. */
function quantise({ data, rows, columns }: Matrix, by: 'column' | 'row', limit: number): Quantised {
  const scales = new Float32Array(by === 'column' ? columns : rows);
  const quantised = new Int8Array(data.length);
  for (let index = 0; index < data.length; index += 1) {
    const group = by === 'column' ? index % columns : (index / columns) | 0;
    scales[group] = max(scales[group]!, abs(data[index]!));
  }
  for (let group = 0; group < scales.length; group += 1) scales[group] = scales[group]! / limit || 1;
  for (let index = 0; index < data.length; index += 1) {
    const group = by === 'column' ? index % columns : (index / columns) | 0;
    quantised[index] = round(data[index]! / scales[group]!);
  }
  return { data: quantised, scales };
}

/** Builds the two-layer transformer with its matrices in int8; what is quantised at run time is the activations only. */
class UseLiteGraph {
  private readonly graph = new OnnxGraph();

  constructor(private readonly weights: UseLiteWeights) {}

  build(): Buffer {
    const { graph, weights } = this;
    const [first, second] = weights.layers;
    const embedded = this.embed(graph.input('ids', INT64, ['batch', 'tokens']));
    const residual = this.multiply('dense', embedded, weights.dense, weights.denseBias);
    const one = this.layer('layer0', first, embedded, residual);
    const two = this.layer('layer1', second, one, one);
    const pooled = graph.node('ReduceMean', [two], { axes: { ints: [1] }, keepdims: { int: 0 } });
    const head = graph.node('Tanh', [this.multiply('head', pooled, weights.head, weights.headBias)]);
    const length = graph.node('ReduceL2', [head], { axes: { ints: [-1] }, keepdims: { int: 1 } });
    graph.output(graph.node('Div', [head, length]), FLOAT, ['batch', DIMENSION]);
    return graph.model('use_lite_en');
  }

  /** The pieces' vectors, doubled as in training, and the signal that tells positions apart. */
  private embed(ids: string): string {
    const { graph, weights } = this;
    const { rows, columns } = weights.embedding;
    const { data, scales } = quantise(weights.embedding, 'row', BYTE_LIMIT);
    const bytes = graph.node('Gather', [graph.tensor('embedding', data, [rows, columns]), ids]);
    const scale = graph.node('Gather', [graph.tensor('embedding_scale', scales, [rows, 1]), ids]);
    const vectors = graph.node('Mul', [graph.node('Cast', [bytes], { to: { int: FLOAT } }), scale]);
    const doubled = graph.node('Add', [vectors, vectors]);
    return graph.node('Add', [doubled, this.positions(ids)]);
  }

  private positions(ids: string): string {
    const { graph } = this;
    const signal = positionSignal(this.weights.timing);
    const table = graph.tensor('positions', signal, [WINDOW_TOKENS, signal.length / WINDOW_TOKENS]);
    const number = (name: string, value: bigint): string => graph.tensor(name, BigInt64Array.of(value), [1]);
    const zero = number('zero', 0n);
    const tokens = graph.node('Slice', [graph.node('Shape', [ids]), number('one', 1n), number('two', 2n), zero]);
    return graph.node('Slice', [table, zero, tokens, zero]);
  }

  private layer(name: string, weights: LayerWeights, input: string, residual: string): string {
    const { graph } = this;
    const attended = graph.node('Add', [this.attend(name, weights, input), residual]);
    const normal = this.normalise(`${name}_forward`, attended, weights.forwardScale, weights.forwardBias);
    const wide = graph.node('Relu', [this.multiply(`${name}_widen`, normal, weights.widen, weights.widenBias)]);
    return graph.node('Add', [attended, this.multiply(`${name}_narrow`, wide, weights.narrow, weights.narrowBias)]);
  }

  private attend(name: string, weights: LayerWeights, input: string): string {
    const { graph } = this;
    const width = weights.project.columns / 3;
    const size = width / HEADS;
    const normal = this.normalise(`${name}_attention`, input, weights.attentionScale, weights.attentionBias);
    const projected = this.multiply(`${name}_project`, normal, weights.project, weights.projectBias);
    const widths = graph.tensor(`${name}_split`, BigInt64Array.of(...[width, width, width].map(BigInt)), [3]);
    const [query, key, value] = graph.nodes('Split', [projected, widths], 3, { axis: { int: -1 } });
    const perHead = graph.tensor(`${name}_heads`, BigInt64Array.of(0n, 0n, BigInt(HEADS), BigInt(size)), [4]);
    const heads = (what: string, order: readonly number[]): string =>
      graph.node('Transpose', [graph.node('Reshape', [what, perHead])], { perm: { ints: order } });
    const scale = graph.tensor(`${name}_scale`, Float32Array.of(1 / Math.sqrt(size)), []);
    const scaled = graph.node('Mul', [heads(query!, [0, 2, 1, 3]), scale]);
    const scores = graph.node('MatMul', [scaled, heads(key!, [0, 2, 3, 1])]);
    const shares = graph.node('Softmax', [scores], { axis: { int: -1 } });
    const mixed = graph.node('Transpose', [graph.node('MatMul', [shares, heads(value!, [0, 2, 1, 3])])], {
      perm: { ints: [0, 2, 1, 3] },
    });
    const flat = graph.tensor(`${name}_flat`, BigInt64Array.of(0n, 0n, BigInt(width)), [3]);
    return this.multiply(`${name}_combine`, graph.node('Reshape', [mixed, flat]), weights.combine, weights.combineBias);
  }

  private normalise(name: string, input: string, scale: Matrix, bias: Matrix): string {
    const inputs = [
      input,
      this.graph.tensor(`${name}_scale`, scale.data, [scale.data.length]),
      this.graph.tensor(`${name}_bias`, bias.data, [bias.data.length]),
    ];
    return this.graph.node('LayerNormalization', inputs, { axis: { int: -1 }, epsilon: { float: EPSILON } });
  }

  /** `input × matrix + bias` in int8: the product is exact in int32, what is lost is lost in rounding the two factors. */
  private multiply(name: string, input: string, matrix: Matrix, bias: Matrix): string {
    const { graph } = this;
    const { data, scales } = quantise(matrix, 'column', FACTOR_LIMIT);
    const [bytes, scale, zero] = graph.nodes('DynamicQuantizeLinear', [input], 3);
    const factor = graph.tensor(`${name}_matrix`, data, [matrix.rows, matrix.columns]);
    const product = graph.node('MatMulInteger', [bytes!, factor, zero!]);
    const columns = graph.tensor(`${name}_columns`, scales, [scales.length]);
    const rescaled = graph.node('Mul', [
      graph.node('Cast', [product], { to: { int: FLOAT } }),
      graph.node('Mul', [scale!, columns]),
    ]);
    return graph.node('Add', [rescaled, graph.tensor(`${name}_bias`, bias.data, [bias.data.length])]);
  }
}

/** Sines, then cosines, of each position at each frequency. */
function positionSignal({ data: frequencies }: Matrix): Float32Array {
  const width = frequencies.length;
  const signal = new Float32Array(WINDOW_TOKENS * width * 2);
  for (let position = 0; position < WINDOW_TOKENS; position += 1) {
    frequencies.forEach((frequency, index) => {
      const angle = Math.fround(position * frequency);
      signal[position * width * 2 + index] = Math.sin(angle);
      signal[position * width * 2 + width + index] = Math.cos(angle);
    });
  }
  return signal;
}

/** The encoder as an ONNX file: input `ids` (token ids, all texts of one length), output unit vectors of 512 numbers. */
export const useLiteModel = (weights: UseLiteWeights): Buffer => new UseLiteGraph(weights).build();
