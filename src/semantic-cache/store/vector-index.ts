import type { ParsedText } from '../guard/parse-text';

/** Room for vectors in one process: 100,000 of 512 numbers are 51 MB, their texts about 20 MB more. */
export const MAX_VECTORS = 100_000;
/** Of one partition, so that one busy route does not drive all others out. */
export const MAX_PARTITION_VECTORS = 50_000;

/** A question that can be found by its likeness to another. */
export interface VectorRecord {
  /** Of the entry that answers it. */
  readonly id: string;
  /** Only questions of one partition are ever compared; the encoder's name is part of it. */
  readonly partition: string;
  readonly vector: Int8Array;
  readonly text: string;
  /** What a question must at least come to, where this one has given a wrong answer before; otherwise 0. */
  readonly floor: number;
  readonly expiresAtMs: number;
}

export interface Neighbour {
  readonly id: string;
  readonly text: string;
  readonly floor: number;
  /** Cosine of the two vectors. */
  readonly similarity: number;
}

export interface VectorSize {
  readonly vectors: number;
  readonly partitions: number;
  readonly bytes: number;
}

/**
 * Finds the nearest questions. What was put in is found at once by this process and soon by others that share the index.
 * Bounded; nothing is found after its time. A method rejects when what it needs is away.
 */
export abstract class VectorIndex {
  /** Whether a search asks no other program. */
  abstract readonly isInProcess: boolean;

  /** Takes a record in place of an older one with the same id. */
  abstract upsert(record: VectorRecord): Promise<void>;

  abstract remove(id: string): Promise<void>;

  /** The nearest in the partition, nearest first, at most `count`. */
  abstract search(partition: string, vector: Int8Array, count: number): Promise<Neighbour[]>;

  /** False when it is known here that nothing can be found in the partition, so that nobody need make a vector to look. */
  abstract mayHave(partition: string): boolean;

  /** False when it is known here that the guard refuses every text of the partition for this one. Costs next to nothing. */
  abstract mayHaveLike(partition: string, asked: ParsedText): boolean;

  /** Whether it is known here that this id is in. */
  abstract has(id: string): boolean;

  abstract clear(): Promise<void>;

  abstract size(): Promise<VectorSize>;

  abstract close(): Promise<void>;
}

const { abs, max, round } = Math;

/** A unit vector in signed bytes, with a scale of its own. The cosine of two is off by about 0.001. */
export function toBytes(vector: Float32Array): Int8Array {
  let largest = 0;
  for (const value of vector) largest = max(largest, abs(value));
  const scale = largest === 0 ? 0 : 127 / largest;
  const bytes = new Int8Array(vector.length);
  for (let index = 0; index < vector.length; index += 1) bytes[index] = round(vector[index]! * scale);
  return bytes;
}

export function lengthOf(vector: Int8Array): number {
  let sum = 0;
  for (let index = 0; index < vector.length; index += 1) sum += vector[index]! * vector[index]!;
  return Math.sqrt(sum);
}
