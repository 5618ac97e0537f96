/**
 * As much of the ONNX format as our own models need, written by hand: the format is protobuf, and a writer of four field
 * kinds is smaller than any library for it. Field numbers are those of `onnx.proto3` (IR version 8).
 */

/** `TensorProto.DataType`. */
export const FLOAT = 1;
export const INT8 = 3;
export const INT64 = 7;

const IR_VERSION = 8;
/** The first with LayerNormalization. */
const OPSET = 17;

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;
const ATTRIBUTE_FLOAT = 1;

type Piece = Uint8Array;

function varint(value: number): Piece {
  // Negative numbers are written as 64-bit two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

const integer = (field: number, value: number): Piece => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field: number, value: Piece): Piece =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
const text = (field: number, value: string): Piece => bytes(field, Buffer.from(value));
const float = (field: number, value: number): Piece => {
  const raw = Buffer.alloc(4);
  raw.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), raw]);
};
const message = (field: number, ...parts: readonly Piece[]): Piece => bytes(field, Buffer.concat(parts));

/** `{ int: n }`, `{ ints: […] }` or `{ float: x }`, by the name of the attribute. */
export type Attributes = Readonly<
  Record<string, { readonly int: number } | { readonly ints: readonly number[] } | { readonly float: number }>
>;

export type TensorData = Float32Array | Int8Array | BigInt64Array;

const typeOf = (data: TensorData): number => {
  if (data instanceof Float32Array) return FLOAT;
  return data instanceof Int8Array ? INT8 : INT64;
};

function attribute(name: string, value: Attributes[string]): Piece {
  if ('int' in value) return message(5, text(1, name), integer(3, value.int), integer(20, ATTRIBUTE_INT));
  if ('float' in value) return message(5, text(1, name), float(2, value.float), integer(20, ATTRIBUTE_FLOAT));
  return message(5, text(1, name), ...value.ints.map((item) => integer(8, item)), integer(20, ATTRIBUTE_INTS));
}

function valueInfo(field: number, name: string, type: number, shape: readonly (string | number)[]): Piece {
  const dimensions = shape.map((size) => message(1, typeof size === 'number' ? integer(1, size) : text(2, size)));
  return message(field, text(1, name), message(2, message(1, integer(1, type), message(2, ...dimensions))));
}

/** Builds one graph, node by node; names of values are made up unless given. */
export class OnnxGraph {
  private readonly parts: Piece[] = [];
  private count = 0;

  /** A constant of the model. */
  tensor(name: string, data: TensorData, shape: readonly number[]): string {
    const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const dimensions = shape.map((size) => integer(1, size));
    this.parts.push(message(5, ...dimensions, integer(2, typeOf(data)), text(8, name), bytes(9, raw)));
    return name;
  }

  /** A node with one output, whose name is returned. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}, name?: string): string {
    return this.nodes(operator, inputs, name === undefined ? 1 : [name], attributes)[0]!;
  }

  /** `outputs`: how many, or their names. */
  nodes(
    operator: string,
    inputs: readonly string[],
    outputs: number | readonly string[],
    attributes: Attributes = {},
  ): readonly string[] {
    this.count += 1;
    const name = `${operator}_${this.count}`;
    const names =
      typeof outputs === 'number' ? Array.from({ length: outputs }, (_, index) => `${name}_${index}`) : outputs;
    this.parts.push(
      message(
        1,
        ...inputs.map((input) => text(1, input)),
        ...names.map((output) => text(2, output)),
        text(3, name),
        text(4, operator),
        ...Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      ),
    );
    return names;
  }

  input(name: string, type: number, shape: readonly (string | number)[]): string {
    this.parts.push(valueInfo(11, name, type, shape));
    return name;
  }

  output(name: string, type: number, shape: readonly (string | number)[]): void {
    this.parts.push(valueInfo(12, name, type, shape));
  }

  /** The bytes of the model file. */
  model(name: string): Buffer {
    return Buffer.concat([
      integer(1, IR_VERSION),
      text(2, 'ai-gateway'),
      message(7, text(2, name), ...this.parts),
      message(8, text(1, ''), integer(2, OPSET)),
    ]);
  }
}
