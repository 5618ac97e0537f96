import type { Encoded, Unread } from './prompt-encoder';

/** The vectors of texts that are all cut into so many tokens; their ids lie one text after the other. */
export type EncodeAlike = (ids: BigInt64Array, texts: number, tokens: number) => Promise<readonly Float32Array[]>;

/**
 * Encodes those of a batch together that have equally many tokens. Nothing is padded: padding is work for nothing, and
 * where activations are rounded to bytes it would make a vector depend on the texts it happened to come with.
 */
export async function encodeByLength(
  texts: readonly (readonly number[] | Unread)[],
  encodeAlike: EncodeAlike,
): Promise<readonly Encoded[]> {
  const results: Encoded[] = texts.map((text) => (typeof text === 'string' ? text : 'unreadable'));
  const byLength = new Map<number, { readonly place: number; readonly ids: readonly number[] }[]>();
  texts.forEach((ids, place) => {
    if (typeof ids !== 'string') byLength.set(ids.length, [...(byLength.get(ids.length) ?? []), { place, ids }]);
  });
  for (const [length, group] of byLength) {
    const ids = BigInt64Array.from(
      group.flatMap((text) => text.ids),
      BigInt,
    );
    const vectors = await encodeAlike(ids, group.length, length);
    group.forEach(({ place }, index) => (results[place] = vectors[index]!));
  }
  return results;
}
