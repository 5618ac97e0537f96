import type { Identity } from '../../core/context';

/**
 * Why an encoder has no vector of a text: it would have to cut it, finds words or characters that it does not know, or the
 * caller may not or cannot pay for it.
 */
export type Unread = 'too_long' | 'unreadable' | 'refused';

/** What became of a text. */
export type Encoded = Float32Array | Unread;

/** Turns the text of a prompt into the vector that similar prompts are found by. */
export abstract class PromptEncoder {
  /** Model and version. Vectors of encoders with different names are never compared. Null until the model has been loaded. */
  abstract readonly name: string | null;

  /** How long an answer may take before the request goes on without, in milliseconds. */
  abstract readonly deadlineMs: number;

  /**
   * The vector of a text, of length one, always of the same number of dimensions; none of a text that the encoder does not
   * read as a whole: what it does not read it cannot compare. What it costs is on account of `identity`. Rejects when it
   * cannot answer.
   */
  abstract encode(text: string, identity: Identity): Promise<Encoded>;

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
