import fc from 'fast-check';
import { guarantee } from '../../../test/support/guarantee';
import type { JsonObject } from '../../core/chat';
import type { JsonReply, StreamEvent, StreamReply } from '../../core/reply';
import { NO_USAGE } from '../../core/tokens';
import { entryWith } from '../testing/entries';
import { decodeEntry, encodeEntry, type StoredAnswer } from './cache-entry';
import { pieces } from './pieces';
import { replay } from './replay';
import { judge } from './storable';
import { StreamRecorder, type Recording } from './stream-recorder';

const SEED = Date.now() % 1_000_000;
const USAGE = { ...NO_USAGE, inputTokens: 11, outputTokens: 7, serviceTier: 'default' };
const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }).filter((text) => text.trim() !== '');

const completion = fc
  .record({ content: words, reasoning: fc.option(words, { nil: undefined }) })
  .map(({ content, reasoning }): JsonObject => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'm-1',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content,
          ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
          refusal: null,
        },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
  }));
const message = fc
  .record({ texts: fc.array(words, { minLength: 1, maxLength: 3 }), thinking: fc.option(words) })
  .map(({ texts, thinking }): JsonObject => ({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm-1',
    content: [
      ...(thinking === null ? [] : [{ type: 'thinking', thinking, signature: 'sig' }]),
      ...texts.map((text) => ({ type: 'text', text })),
    ],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 11, output_tokens: 7 },
  }));

const replyOf = (dialect: 'openai' | 'anthropic', value: JsonObject): JsonReply => ({
  kind: 'json',
  dialect,
  raw: null,
  value,
  model: 'm-1',
  usage: USAGE,
  finish: 'stop',
});

function storedOf(reply: JsonReply): StoredAnswer {
  const verdict = judge(reply);
  if ('why' in verdict) throw new Error(`not storable: ${verdict.why}`);
  return verdict.answer;
}

async function record(stream: StreamReply, cut = Infinity): Promise<Recording> {
  let recording: Recording | undefined;
  let seen = 0;
  const recorder = new StreamRecorder(stream, { onEnd: (result) => (recording = result) });
  for await (const batch of recorder.recorded().batches) {
    seen += batch.length;
    if (seen >= cut) break;
  }
  return recording!;
}

/** What was compared, for the record. */
const replayed: string[] = [];
afterAll(() => {
  if (replayed.length === 2) guarantee('CAC-1', `${replayed.join(', ')}: each the same as JSON and as a stream`, SEED);
});

/** What the answer says, told from its form: created by nobody's clock, so everything is compared. */
describe.each([
  ['openai', completion],
  ['anthropic', message],
] as const)('replay in the %s dialect', (dialect, values) => {
  it('recorded → stored → replayed as JSON and as a stream means the same', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(values, fc.boolean(), async (value, includeUsage) => {
        fc.pre(!('why' in judge(replyOf(dialect, value))));
        const entry = decodeEntry(encodeEntry(entryWith({ answer: storedOf(replyOf(dialect, value)) })))!;
        expect(replay(entry, { stream: false, includeUsage })).toMatchObject({
          kind: 'json',
          value,
          usage: USAGE,
          finish: 'stop',
        });
        const recording = await record(replay(entry, { stream: true, includeUsage }) as StreamReply);
        if (typeof recording === 'string') throw new Error(recording);
        const again = storedOf(recording);
        expect(again.usage).toEqual(USAGE);
        expect(again.value).toEqual(value);
        runs += 1;
      }),
      { numRuns: 500, seed: SEED },
    );
    expect(runs).toBeGreaterThan(400);
    replayed.push(`${runs} answers in the ${dialect} dialect`);
  });

  it('a stream that is cut anywhere is not stored', async () => {
    const [value] = fc.sample(values, { numRuns: 1, seed: 5 }) as [JsonObject];
    const entry = entryWith({ answer: storedOf(replyOf(dialect, value)) });
    const events: StreamEvent[] = [];
    for await (const batch of (replay(entry, { stream: true, includeUsage: true }) as StreamReply).batches)
      events.push(...batch);
    for (let cut = 0; cut < events.length; cut += 1) {
      const stream: StreamReply = { kind: 'stream', dialect, model: 'm', batches: oneByOne(events.slice(0, cut)) };
      expect(await record(stream)).toBe('broken');
    }
    const whole = { kind: 'stream', dialect, model: 'm', batches: oneByOne(events) } as const;
    expect(typeof (await record(whole))).toBe('object');
    expect(await record({ ...whole, batches: oneByOne(events) }, events.length - 1)).toBe('broken');
  });
});

async function* oneByOne(events: readonly StreamEvent[]): AsyncGenerator<readonly StreamEvent[], void> {
  for (const event of events) {
    await Promise.resolve();
    yield [event];
  }
}

describe('what is never stored', () => {
  const [value] = fc.sample(completion, { numRuns: 1, seed: 5 }) as [JsonObject];
  const good = replyOf('openai', value);
  const withMessage = (change: object): JsonReply => {
    const [choice] = value['choices'] as [JsonObject];
    return {
      ...good,
      value: { ...value, choices: [{ ...choice, message: { ...(choice['message'] as object), ...change } }] },
    };
  };
  it.each<[string, JsonReply]>([
    ['not_stopped', { ...good, finish: 'length' }],
    ['not_stopped', { ...good, finish: 'content_filter' }],
    ['not_stopped', { ...good, finish: 'other' }],
    ['tool_calls', { ...good, finish: 'tool_calls' }],
    ['tool_calls', withMessage({ tool_calls: [{ id: 'x' }] })],
    ['no_usage', { ...good, usage: null }],
    ['warnings', { ...good, warnings: ['seed was left out'] }],
    ['refusal', withMessage({ refusal: 'no' })],
    ['refusal', withMessage({ content: "I'm sorry, but I can't help with that." })],
    ['empty', withMessage({ content: '' })],
    ['empty', withMessage({ content: null })],
    ['unknown_content', withMessage({ audio: { data: 'x' } })],
    ['unknown_content', { ...good, value: { ...value, choices: [] } }],
    ['not_stopped', { ...replyOf('anthropic', { content: [{ type: 'text', text: 'a' }], stop_reason: 'pause_turn' }) }],
    [
      'unknown_content',
      { ...replyOf('anthropic', { content: [{ type: 'text', text: 'a', citations: [1] }], stop_reason: 'end_turn' }) },
    ],
  ])('%s', (why, reply) => expect(judge(reply)).toEqual({ why }));

  it('and the answer they are made of is', () => expect(judge(good)).toHaveProperty('answer'));
});

it('pieces of a text are the text, and cut no character in two', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const all = [...pieces(text)];
      expect(all.join('')).toBe(text);
      for (const piece of all)
        expect(/^[\uDC00-\uDFFF]/.test(piece) && /[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(text)).toBe(false);
    }),
    { numRuns: 1_000 },
  );
});
