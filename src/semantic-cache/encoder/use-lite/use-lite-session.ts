import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EncodeBatch } from '../encoder-thread.port';
import { modelFiles } from './model-files';
import { UnigramTokenizer } from './unigram-tokenizer';
import { DIMENSION, WINDOW_TOKENS } from './use-lite-graph';

interface Placed {
  readonly place: number;
  readonly ids: readonly number[];
}

/** Loads the model. The graph has no mask, so of the texts of a batch those of one length are encoded together. */
export async function openUseLite(): Promise<EncodeBatch> {
  const { model, vocabulary } = modelFiles();
  const tokenizer = new UnigramTokenizer(vocabulary);
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const [input, output] = [session.inputNames[0]!, session.outputNames[0]!];

  async function encodeAlike(texts: readonly Placed[], vectors: (Float32Array | null)[]): Promise<void> {
    const tokens = texts[0]!.ids.length;
    const ids = BigInt64Array.from(
      texts.flatMap((text) => text.ids),
      BigInt,
    );
    const result = await session.run({ [input]: new Tensor('int64', ids, [texts.length, tokens]) });
    const data = result[output]!.data as Float32Array;
    texts.forEach(({ place }, index) => (vectors[place] = data.slice(index * DIMENSION, (index + 1) * DIMENSION)));
  }

  return async (texts) => {
    const vectors = texts.map((): Float32Array | null => null);
    const byLength = new Map<number, Placed[]>();
    texts.forEach((text, place) => {
      const ids = tokenizer.encode(text);
      if (ids.length === 0 || ids.length > WINDOW_TOKENS) return;
      byLength.set(ids.length, [...(byLength.get(ids.length) ?? []), { place, ids }]);
    });
    for (const group of byLength.values()) await encodeAlike(group, vectors);
    return vectors;
  };
}
