/** Turns the text of a prompt into the vector that similar prompts are found by. */
export abstract class PromptEncoder {
  /** Model and version. Vectors of encoders with different names are never compared. */
  abstract readonly name: string;

  /** How long an answer may take before the request goes on without, in milliseconds. */
  abstract readonly deadlineMs: number;

  /**
   * The vector of a text, of length one, always of the same number of dimensions. Null for a text that the encoder would
   * have to cut: what it does not read it cannot compare. Rejects when it cannot answer.
   */
  abstract encode(text: string): Promise<Float32Array | null>;

  abstract close(): Promise<void>;
}

/** The vector with length one; null when it has no direction. */
export function unitVector(values: ArrayLike<number>): Float32Array | null {
  const vector = Float32Array.from(values);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (!Number.isFinite(length) || length === 0) return null;
  return vector.map((value) => value / length);
}

export function cosine(left: Float32Array, right: Float32Array): number {
  let product = 0;
  for (let index = 0; index < left.length; index += 1) product += left[index]! * right[index]!;
  return product;
}
