import { Tensor } from 'onnxruntime-node';
import { encodeByLength } from '../by-length';
import type { LoadedModel } from '../encoder-thread.port';
import type { NativeSection } from '../native-section';
import { OnnxSession } from '../onnx-session';
import type { Unread } from '../prompt-encoder';
import { modelFiles, USE_LITE_NAME } from './model-files';
import { UnigramTokenizer, UNKNOWN } from './unigram-tokenizer';
import { DIMENSION, WINDOW_TOKENS } from './use-lite-graph';

/** Loads the model. */
export async function openUseLite(native?: NativeSection): Promise<LoadedModel> {
  const { model, vocabulary } = modelFiles();
  const tokenizer = new UnigramTokenizer(vocabulary);
  const session = await OnnxSession.open(model, native);
  const [input, output] = [session.inputs[0]!.name, session.outputNames[0]!];

  async function encodeAlike(ids: BigInt64Array, texts: number, tokens: number): Promise<Float32Array[]> {
    const result = await session.run({ [input]: new Tensor('int64', ids, [texts, tokens]) });
    const data = result[output]!.data as Float32Array;
    return Array.from({ length: texts }, (_, index) => data.slice(index * DIMENSION, (index + 1) * DIMENSION));
  }

  /** To the model all unknown characters are one: texts of another script would all be the same text. */
  function cut(text: string): readonly number[] | Unread {
    const ids = tokenizer.encode(text);
    if (ids.length === 0 || ids.includes(UNKNOWN)) return 'unreadable';
    return ids.length > WINDOW_TOKENS ? 'too_long' : ids;
  }

  return { name: USE_LITE_NAME, encode: (texts) => encodeByLength(texts.map(cut), encodeAlike) };
}
