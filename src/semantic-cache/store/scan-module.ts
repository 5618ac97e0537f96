/**
 * The inner loop of the index as a WebAssembly module, because a JavaScript loop over bytes takes 25 times as long as one
 * over SIMD lanes. Written as bytes: the module is one function, and no assembler is needed to build the gateway.
 *
 *   scan(query, rows, count, dimension, scores): for each row, the dot product of two vectors of signed bytes, as i32.
 *   `dimension` is a multiple of 16.
 */

const [QUERY, ROWS, COUNT, DIMENSION, SCORES, LEFT, AT, LOW, HIGH, X, Y] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const [I32, V128, VOID] = [0x7f, 0x7b, 0x40];
const LANE_BYTES = 16;

type Code = readonly number[];

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const constant = (value: number): Code => [0x41, value];
const add: Code = [0x6a];
const subtract: Code = [0x6b];
const isZero: Code = [0x45];
const isGreater: Code = [0x4a];
const storeInt: Code = [0x36, 2, 0];
const block: Code = [0x02, VOID];
const loop: Code = [0x03, VOID];
const branch = (depth: number): Code => [0x0c, depth];
const branchIf = (depth: number): Code => [0x0d, depth];
const end: Code = [0x0b];

const loadVector: Code = [0xfd, 0x00, 0, 0];
const zeroVector: Code = [0xfd, 0x0c, ...Array.from({ length: LANE_BYTES }, () => 0)];
const lane = (index: number): Code => [0xfd, 0x1b, index];
const widenLow: Code = [0xfd, 0x87, 0x01];
const widenHigh: Code = [0xfd, 0x88, 0x01];
const addLanes: Code = [0xfd, 0xae, 0x01];
const dotLanes: Code = [0xfd, 0xba, 0x01];

const advance = (local: number, by: number): Code => [...get(local), ...constant(by), ...add, ...set(local)];

/** `sum += widen(x) · widen(y)` */
const multiply = (sum: number, widen: Code): Code =>
  [get(sum), get(X), widen, get(Y), widen, dotLanes, addLanes, set(sum)].flat();

const sumOfLanes: Code = [
  [...get(LOW), ...get(HIGH), ...addLanes, ...set(LOW)],
  [...get(LOW), ...lane(0), ...get(LOW), ...lane(1), ...add],
  [...get(LOW), ...lane(2), ...get(LOW), ...lane(3), ...add, ...add],
].flat();

const body: Code = [
  [...block, ...loop],
  [...get(COUNT), ...isZero, ...branchIf(1)],
  [...zeroVector, ...set(LOW), ...zeroVector, ...set(HIGH)],
  [...get(QUERY), ...set(AT), ...get(DIMENSION), ...set(LEFT)],
  loop,
  [...get(AT), ...loadVector, ...set(X), ...get(ROWS), ...loadVector, ...set(Y)],
  [...multiply(LOW, widenLow), ...multiply(HIGH, widenHigh)],
  [...advance(AT, LANE_BYTES), ...advance(ROWS, LANE_BYTES)],
  [...get(LEFT), ...constant(LANE_BYTES), ...subtract, ...tee(LEFT), ...constant(0), ...isGreater, ...branchIf(0)],
  end,
  [...get(SCORES), ...sumOfLanes, ...storeInt],
  [...advance(SCORES, 4), ...get(COUNT), ...constant(1), ...subtract, ...set(COUNT)],
  [...branch(0), ...end, ...end, ...end],
].flat();

const size = (value: number): Code => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...size(value >> 7)]);
const sized = (content: Code): Code => [...size(content.length), ...content];
const section = (id: number, content: Code): Code => [id, ...sized(content)];
const name = (text: string): Code => sized([...Buffer.from(text)]);

const locals: Code = [2, 2, I32, 4, V128];

/** The magic number and the version of the format. */
const HEADER: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

const MODULE = Uint8Array.from([
  ...HEADER,
  ...section(1, [1, 0x60, ...sized([I32, I32, I32, I32, I32]), 0]),
  ...section(3, [1, 0]),
  ...section(5, [1, 0, 1]),
  ...section(7, [2, ...name('memory'), 2, 0, ...name('scan'), 0, 0]),
  ...section(10, [1, ...sized([...locals, ...body])]),
]);

export interface Scanner {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  scan(query: number, rows: number, count: number, dimension: number, scores: number): void;
}

interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
}

let compiled: object | null = null;

/** A scanner with a memory of its own. */
export function openScanner(): Scanner {
  // The types of WebAssembly come with the browser's, which a server has no use for.
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  compiled ??= new Module(MODULE);
  return new Instance(compiled).exports as Scanner;
}
