import fc from 'fast-check';
import type { StreamEvent } from '../../core/reply';
import { SseParser } from '../../core/sse-parser';
import { OpenAiStreamReader } from './from-openai';

const frame = {
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_760_000_000,
  model: 'gpt-4o',
  system_fingerprint: 'fp_"content":"',
};
const chunk = (delta: object, rest: object = {}, finish: string | null = null): object => ({
  ...frame,
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  ...rest,
});

/** Texts with what JSON escapes, and other things a provider may send between them. */
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('"', '\\', '\n', '","role":"x', 'é😀', '\ud800', '"},"finish_reason":"stop"'),
);
const event = fc.oneof(
  { weight: 6, arbitrary: text.map((content) => chunk({ content })) },
  { weight: 1, arbitrary: text.map((content) => chunk({ role: 'assistant', content })) },
  { weight: 1, arbitrary: text.map((content) => chunk({ content, reasoning_content: 'hm' })) },
  { weight: 1, arbitrary: text.map((content) => chunk({ content }, { obfuscation: content })) },
  { weight: 1, arbitrary: text.map((content) => chunk({ content }, { usage: null })) },
  { weight: 1, arbitrary: fc.constant(chunk({ content: 'x' }, { usage: { prompt_tokens: 3, completion_tokens: 4 } })) },
  { weight: 1, arbitrary: fc.constant(chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] })) },
  { weight: 1, arbitrary: text.map((content) => chunk({ content }, {}, 'stop')) },
  {
    weight: 1,
    arbitrary: text.map((content) => ({ ...frame, choices: [{ index: 1, delta: { content }, finish_reason: null }] })),
  },
);

/** What an event says, its data parsed. */
const said = ({ kind, name, data, raw, usage, text: added, finish }: StreamEvent): unknown => ({
  kind,
  name,
  data,
  raw: raw?.toString(),
  usage,
  text: added,
  finish,
});

const read = (reader: OpenAiStreamReader, value: object): StreamEvent[] =>
  new SseParser().push(Buffer.from(`data: ${JSON.stringify(value)}\n\n`)).flatMap((one) => [...reader.push(one)]);

describe('a stream of chunks that are alike', () => {
  it('is read as if each chunk were parsed by itself', () => {
    let unparsed = 0;
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const reader = new OpenAiStreamReader('openai');
        for (const value of events) {
          const together = read(reader, value);
          // A reader of its own has nothing to compare with, so it parses.
          const alone = read(new OpenAiStreamReader('openai'), value);
          expect(together.map(said)).toEqual(alone.map(said));
          unparsed += together.filter(({ isTextOnly }) => isTextOnly).length;
        }
      }),
      { numRuns: 500 },
    );
    expect(unparsed).toBeGreaterThan(50);
  });
});
