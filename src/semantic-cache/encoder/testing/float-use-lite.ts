import path from 'node:path';
import type { LayerWeights, Matrix, UseLiteWeights } from '../use-lite/use-lite-weights';
import { readUseLiteWeights, WEIGHTS_PACKAGE } from '../use-lite/use-lite-weights';
import { UnigramTokenizer } from '../use-lite/unigram-tokenizer';

/** Rows of numbers. */
type Rows = number[][];

const HEADS = 4;

function times(rows: Rows, { data, columns }: Matrix, { data: bias }: Matrix): Rows {
  return rows.map((row) => {
    const result = Array.from(bias);
    for (let index = 0; index < row.length; index += 1) {
      const value = row[index]!;
      for (let column = 0; column < columns; column += 1) result[column]! += value * data[index * columns + column]!;
    }
    return result;
  });
}

const plus = (left: Rows, right: Rows): Rows =>
  left.map((row, index) => row.map((value, column) => value + right[index]![column]!));

function normalised(rows: Rows, { data: scale }: Matrix, { data: bias }: Matrix): Rows {
  return rows.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map((value, index) => ((value - mean) / Math.sqrt(variance + 1e-6)) * scale[index]! + bias[index]!);
  });
}

function softmax(values: readonly number[]): number[] {
  const top = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function attended(rows: Rows, layer: LayerWeights): Rows {
  const projected = times(rows, layer.project, layer.projectBias);
  const width = layer.project.columns / 3;
  const size = width / HEADS;
  const part = (row: number[], kind: number, head: number): number[] =>
    row.slice(kind * width + head * size, kind * width + (head + 1) * size);
  const mixed = projected.map((row) =>
    Array.from({ length: HEADS }, (_, head) => {
      const query = part(row, 0, head);
      const shares = softmax(
        projected.map((other) => {
          const key = part(other, 1, head);
          return query.reduce((sum, value, index) => sum + value * key[index]!, 0) / Math.sqrt(size);
        }),
      );
      return Array.from({ length: size }, (_, index) =>
        projected.reduce((sum, other, position) => sum + shares[position]! * part(other, 2, head)[index]!, 0),
      );
    }).flat(),
  );
  return times(mixed, layer.combine, layer.combineBias);
}

function forward(rows: Rows, layer: LayerWeights): Rows {
  const wide = times(normalised(rows, layer.forwardScale, layer.forwardBias), layer.widen, layer.widenBias);
  return plus(
    rows,
    times(
      wide.map((row) => row.map((value) => Math.max(0, value))),
      layer.narrow,
      layer.narrowBias,
    ),
  );
}

/** The encoder in plain 64-bit arithmetic, straight from the description of the network: slow, and what the int8 one is measured by. */
export class FloatUseLite {
  private constructor(
    readonly weights: UseLiteWeights,
    readonly tokenizer: UnigramTokenizer,
  ) {}

  static open(): FloatUseLite {
    const folder = path.join(path.dirname(require.resolve(`${WEIGHTS_PACKAGE}/package.json`)), 'dist');
    const weights = readUseLiteWeights(folder);
    return new FloatUseLite(weights, new UnigramTokenizer(weights.vocabulary));
  }

  encode(text: string): Float32Array {
    const { weights } = this;
    const input = this.embedded(this.tokenizer.encode(text));
    const [first, second] = weights.layers;
    const residual = times(input, weights.dense, weights.denseBias);
    const attend = (rows: Rows, layer: LayerWeights): Rows =>
      attended(normalised(rows, layer.attentionScale, layer.attentionBias), layer);
    const one = forward(plus(attend(input, first), residual), first);
    const two = forward(plus(attend(one, second), one), second);
    const mean = two[0]!.map((_, column) => two.reduce((sum, row) => sum + row[column]!, 0) / two.length);
    const head = times([mean], weights.head, weights.headBias)[0]!.map(Math.tanh);
    const length = Math.hypot(...head);
    return Float32Array.from(head, (value) => value / length);
  }

  private embedded(ids: readonly number[]): Rows {
    const { data, columns } = this.weights.embedding;
    const frequencies = this.weights.timing.data;
    return ids.map((id, position) =>
      Array.from({ length: columns }, (_, column) => {
        const angle = position * frequencies[column % frequencies.length]!;
        return 2 * data[id * columns + column]! + (column < frequencies.length ? Math.sin(angle) : Math.cos(angle));
      }),
    );
  }
}
