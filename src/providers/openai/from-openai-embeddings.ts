import type { JsonObject } from '../../core/chat';
import type { JsonReply } from '../../core/reply';
import { plainUsage, type TokenUsage } from '../../core/tokens';
import { asObject } from '../upstream/http-error';
import { brokenReply } from '../upstream/read-reply';

/**
 * A list of vectors. A client that asked for base64, as the OpenAI SDK does unasked, gets base64 even from a compatible
 * server that knows only lists of numbers: the SDK would decode the list into nonsense.
 */
export function readEmbeddings(
  provider: string,
  { raw, value }: { readonly raw: Buffer; readonly value: JsonObject },
  asked: { readonly model: string; readonly encodingFormat: unknown },
): JsonReply {
  const { data, model } = value;
  if (!Array.isArray(data)) {
    throw brokenReply(provider, 'malformed', 'answered with JSON that is no list of embeddings');
  }
  const hasLists =
    asked.encodingFormat === 'base64' && data.some((item) => Array.isArray(asObject(item)?.['embedding']));
  return {
    kind: 'json',
    dialect: 'embeddings',
    raw: hasLists ? null : raw,
    value: hasLists ? { ...value, data: data.map(inBase64) } : value,
    model: typeof model === 'string' && model !== '' ? model : asked.model,
    usage: usageOf(value['usage']),
    finish: 'stop',
  };
}

/** Little-endian 32-bit floats, as OpenAI writes them. */
function inBase64(value: unknown): unknown {
  const item = asObject(value);
  const numbers: unknown = item?.['embedding'];
  if (!Array.isArray(numbers)) return value;
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number: unknown, index) => bytes.writeFloatLE(Number(number), index * 4));
  return { ...item, embedding: bytes.toString('base64') };
}

function usageOf(usage: unknown): TokenUsage | null {
  const tokens = asObject(usage)?.['prompt_tokens'] ?? asObject(usage)?.['total_tokens'];
  return typeof tokens === 'number' && tokens >= 0 ? plainUsage(Math.floor(tokens), 0) : null;
}
