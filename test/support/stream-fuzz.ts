import { GatewayError, UpstreamError } from '../../src/core/errors';
import type { StreamEvent, StreamReply } from '../../src/core/reply';
import { DIALECTS } from '../../src/gateway/dialects';
import { toGatewayError } from '../../src/platform/http/gateway-error';
import { AnthropicNativeReader, AnthropicTranslatingReader } from '../../src/providers/anthropic/anthropic.stream';
import { OpenAiStreamReader } from '../../src/providers/openai/from-openai';
import { ResponsesStreamReader } from '../../src/providers/openai/from-openai-responses';
import { readStream, type StreamReader } from '../../src/providers/upstream/read-reply';
import type { UpstreamExchange } from '../../src/providers/upstream/upstream-exchange';

type Exchange = Pick<UpstreamExchange, 'chunks' | 'release' | 'abort'>;

/** Every way from a provider's stream to a client's. */
interface Way {
  readonly name: string;
  readonly reader: () => StreamReader & { readonly model: string | null };
  readonly from: StreamReply['dialect'];
  readonly to: keyof typeof DIALECTS;
}

const translating = () =>
  new AnthropicTranslatingReader('p', { jsonTool: null, createdSeconds: 1, includeUsage: true });

export const WAYS: readonly Way[] = [
  { name: 'openai to openai', reader: () => new OpenAiStreamReader('p'), from: 'openai', to: 'openai' },
  { name: 'openai to anthropic', reader: () => new OpenAiStreamReader('p'), from: 'openai', to: 'anthropic' },
  { name: 'openai to responses', reader: () => new OpenAiStreamReader('p'), from: 'openai', to: 'responses' },
  { name: 'anthropic to anthropic', reader: () => new AnthropicNativeReader('p'), from: 'anthropic', to: 'anthropic' },
  { name: 'anthropic to openai', reader: translating, from: 'openai', to: 'openai' },
  { name: 'anthropic to responses', reader: translating, from: 'openai', to: 'responses' },
  { name: 'responses to responses', reader: () => new ResponsesStreamReader('p'), from: 'responses', to: 'responses' },
];

/** What a client gets, and how it ends. Throws when anything but an error of the provider comes out. */
export async function transcriptOf(way: Way, slices: readonly Buffer[]): Promise<string> {
  const exchange: Exchange = {
    chunks: async function* () {
      for (const slice of slices) yield await Promise.resolve(slice);
    },
    release: () => undefined,
    abort: () => undefined,
  };
  const reader = way.reader();
  const batches = readStream(
    'p',
    { status: 200, headers: { 'content-type': 'text/event-stream' } },
    exchange as UpstreamExchange,
    reader,
  );
  const reply: StreamReply = { kind: 'stream', dialect: way.from, model: 'm', batches };
  const format = DIALECTS[way.to].replies.stream(reply, {
    asked: {},
    includeUsage: true,
    costUsd: () => 0,
    estimatedInputTokens: () => 1,
  });
  let text = '';
  const write = (event: StreamEvent): void => {
    text += format.write(event).toString();
  };
  try {
    for await (const batch of batches) for (const event of batch) write(event);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    const failure: GatewayError = toGatewayError(error);
    text += format.fail?.(failure, 'req_1') ?? DIALECTS[way.to].errors.event(failure, 'req_1');
  }
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/\b(resp|msg|rs|fc|call|toolu|chatcmpl)_[0-9a-zA-Z]+/g, '$1_')
    .replace(/"created(_at)?":\d+/g, '"created$1":0');
}

/** `bytes` cut at these places, each taken modulo the length. */
export function sliced(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => Buffer.from(bytes.subarray(places[index], end)));
}

/** What parsers of streams have stumbled over. */
const DICTIONARY = [
  'data: ', 'data:', 'data', 'event: ', 'event: error\n', ': comment\n', ':', 'id: 1\n', 'retry: 5\n', '\n', '\r', '\r\n', '\n\n',
  '\uFEFF', '[DONE]', 'data: [DONE]\n\n', '{}', '[]', 'null', 'true', '-1', '1e999', '""', '"', '\\', '{', '}', '[', ']', ',',
  '"index":', '"index":-1', '"index":99999999', '"choices":[]', '"choices":null', '"choices":[null]', '"delta":null', '"usage":null',
  '"finish_reason":"stop"', '"finish_reason":7', '"tool_calls":[null]', '"tool_calls":{}', '"function":null', '"arguments":{}',
  '"content":[]', '"content":{}', '"error":{}', '"error":"x"', '"type":"error"', '"type":"ping"', '"type":"message_stop"',
  '"type":"content_block_start"', '"type":"content_block_stop"', '"type":"response.completed"', '"type":"response.failed"',
  '"content_block":null', '"message":null', '"item":null', '"output_index":-1', '"response":null', '"__proto__":{"x":1}',
  '\u2028', '👋🏽', '\ud800', '\u0000', 'x'.repeat(5_000), '['.repeat(2_000), '\n'.repeat(300),
]; // prettier-ignore

/** A changed copy of `bytes`, sometimes with a part of `other`. */
export function mutated(bytes: Buffer, other: Buffer, random: (below: number) => number): Buffer {
  let result = bytes;
  const changes = 1 + random(4);
  for (let change = 0; change < changes; change += 1) result = changedOnce(result, other, random);
  return result.length > 200_000 ? result.subarray(0, 200_000) : result;
}

function changedOnce(bytes: Buffer, other: Buffer, random: (below: number) => number): Buffer {
  const at = random(bytes.length + 1);
  const end = Math.min(bytes.length, at + random(60));
  const word = Buffer.from(DICTIONARY[random(DICTIONARY.length)] ?? '');
  const before = bytes.subarray(0, at);
  switch (random(8)) {
    case 0:
      return Buffer.concat([before, word, bytes.subarray(at)]);
    case 1:
      return Buffer.concat([before, word, bytes.subarray(end)]);
    case 2:
      return Buffer.concat([before, bytes.subarray(end)]);
    case 3:
      return Buffer.concat([before, bytes.subarray(Math.max(0, at - random(400)), at), bytes.subarray(at)]);
    case 4: {
      const flipped = Buffer.from(bytes);
      if (flipped.length > 0) flipped[at % flipped.length] = random(256);
      return flipped;
    }
    case 5: {
      const from = random(other.length);
      return Buffer.concat([before, other.subarray(from, from + random(600)), bytes.subarray(at)]);
    }
    case 6:
      return otherValue(bytes, random);
    default:
      return bytes.subarray(0, at);
  }
}

/** One JSON value replaced by one of another type: what a careless reader trips over. */
function otherValue(bytes: Buffer, random: (below: number) => number): Buffer {
  const text = bytes.toString();
  const values = [...text.matchAll(/:\s*("(?:[^"\\\n]|\\.)*"|-?\d[\d.e+-]*|true|false|null|\[\]|\{\})/g)];
  const chosen = values[random(Math.max(1, values.length))];
  if (!chosen?.[1]) return bytes;
  const start = chosen.index + chosen[0].length - chosen[1].length;
  const replacement = ['null', '7', '-1', '"x"', '""', '[]', '{}', 'true', '[null]', '{"a":1}'][random(10)] ?? 'null';
  return Buffer.from(text.slice(0, start) + replacement + text.slice(start + chosen[1].length));
}
