import * as fc from 'fast-check';
import type { ChatCompletion, JsonObject } from '../../../core/chat';
import type { StreamEvent, StreamEventKind } from '../../../core/reply';
import { AnthropicEventWriter, fromCompletion } from './from-canonical';
import { StrictAnthropicClient } from './testing/strict-anthropic-client';

const words = fc.string({ unit: 'grapheme', maxLength: 30 });
const input = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.oneof(words, fc.integer()), { maxKeys: 3 });
const answer = fc.record({
  content: fc.oneof(fc.constant(''), words),
  reasoning: fc.oneof(fc.constant(''), words),
  calls: fc.array(fc.record({ name: fc.constantFrom('f', 'g'), input }), { maxLength: 4 }),
  finish: fc.constantFrom('stop', 'tool_calls', 'length', 'content_filter', 'eos'),
  prompt: fc.nat(9999),
  completion: fc.nat(9999),
});
type Answer = typeof answer extends fc.Arbitrary<infer Value> ? Value : never;

const usageOf = ({ prompt, completion }: Answer): JsonObject => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
});

const completionOf = (one: Answer): ChatCompletion => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: one.content,
        reasoning_content: one.reasoning,
        tool_calls: one.calls.map((call, index) => ({
          id: `call_${index}`,
          type: 'function',
          function: { name: call.name, arguments: JSON.stringify(call.input) },
        })),
      },
      finish_reason: one.finish,
    },
  ],
  usage: usageOf(one),
});

const event = (kind: StreamEventKind, data: JsonObject | null): StreamEvent => ({
  kind,
  name: null,
  data,
  raw: null,
  usage: null,
  text: '',
  finish: null,
});
const chunk = (delta: JsonObject, finish: string | null = null): StreamEvent =>
  event('content', { id: 'chatcmpl-1', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] });

function pieces(text: string, size: number): string[] {
  const cut: string[] = [];
  for (let at = 0; at < text.length; at += size) cut.push(text.slice(at, at + size));
  return cut;
}

/** The pieces of all calls, either one call after the other or in turns. */
function callDeltas(one: Answer, size: number, inTurns: boolean): JsonObject[] {
  const queues = one.calls.map((call, index) => [
    { index, id: `call_${index}`, type: 'function', function: { name: call.name, arguments: '' } },
    ...pieces(JSON.stringify(call.input), size).map((json) => ({ index, function: { arguments: json } })),
  ]);
  if (!inTurns) return queues.flat();
  const deltas: JsonObject[] = [];
  while (queues.some((queue) => queue.length > 0)) for (const queue of queues) deltas.push(...queue.splice(0, 1));
  return deltas;
}

describe('stream and JSON to Anthropic', () => {
  it('tell the same answer, however the stream is cut and interleaved', () => {
    fc.assert(
      fc.property(answer, fc.integer({ min: 1, max: 9 }), fc.boolean(), (one, size, inTurns) => {
        const writer = new AnthropicEventWriter({ inputTokensEstimate: 5 });
        const events = [
          event('lifecycle', {
            id: 'chatcmpl-1',
            model: 'm',
            choices: [{ index: 0, delta: { role: 'assistant', content: '' } }],
          }),
          ...pieces(one.reasoning, size).map((text) => chunk({ reasoning_content: text })),
          ...pieces(one.content, size).map((text) => chunk({ content: text })),
          ...callDeltas(one, size, inTurns).map((call) => chunk({ tool_calls: [call] })),
          chunk({}, one.finish),
          event('usage', { choices: [], usage: usageOf(one) }),
          event('end', null),
        ].flatMap((each) => writer.push(each));
        const client = StrictAnthropicClient.read(events);
        const whole = fromCompletion(completionOf(one), 'm');
        const blocks = client.blocks.map(({ type, text, start }) => {
          if (type === 'tool_use') return { ...start, input: JSON.parse(text) as unknown };
          return type === 'text' ? { type, text } : { type, thinking: text, signature: '' };
        });
        expect(client.isComplete).toBe(true);
        expect(blocks).toEqual(whole['content']);
        expect(client.stopReason).toBe(whole['stop_reason']);
        expect(client.usage).toEqual(whole['usage']);
      }),
      { numRuns: 300 },
    );
  });

  it('events stay in order whatever the chunks say', () => {
    const delta = fc.record(
      {
        content: fc.oneof(words, fc.constant(null), fc.anything()),
        reasoning_content: words,
        refusal: fc.constantFrom(null, 'No.'),
        tool_calls: fc.array(
          fc.record(
            {
              index: fc.integer({ min: 0, max: 2 }),
              id: fc.constantFrom('', 'a', 'b'),
              function: fc.record(
                { name: fc.constantFrom('f', ''), arguments: fc.constantFrom('', '{', '}', '{}') },
                { requiredKeys: [] },
              ),
            },
            { requiredKeys: [] },
          ),
          { maxLength: 3 },
        ),
      },
      { requiredKeys: [] },
    );
    const finish = fc.constantFrom(null, null, null, 'stop', 'tool_calls');
    fc.assert(
      fc.property(fc.array(fc.tuple(delta, finish), { maxLength: 10 }), (chunks) => {
        const writer = new AnthropicEventWriter({ inputTokensEstimate: 5 });
        const events = [...chunks.map(([one, reason]) => chunk(one as JsonObject, reason)), event('end', null)];
        const client = StrictAnthropicClient.read(events.flatMap((each) => writer.push(each)));
        expect(client.isComplete).toBe(true);
        const expected = chunks.map(([{ content }]) => (typeof content === 'string' ? content : '')).join('');
        const spoken = client.blocks.filter(({ type }) => type === 'text').map(({ text }) => text);
        for (const letter of new Set(expected)) expect(spoken.join('')).toContain(letter);
      }),
      { numRuns: 500 },
    );
  });
});
