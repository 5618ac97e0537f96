import fc from 'fast-check';
import type { StreamEvent } from '../../core/reply';
import { SseParser } from '../../core/sse-parser';
import { BatchSink } from '../upstream/read-reply';
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

const plain = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((content) => chunk({ content }));
/** The same token at the same probability, again and again. */
const logprobs = { content: [{ token: '=', logprob: 0, bytes: [61], top_logprobs: [] }] };
const certain = {
  ...frame,
  choices: [{ index: 0, delta: { content: '=' }, logprobs, finish_reason: null }],
};
const series = fc.oneof(
  fc.nat(4).map((count) => Array.from({ length: count }, () => certain)),
  event.map((one) => [one]),
  fc.array(plain, { minLength: 2, maxLength: 8 }),
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

/** The events of the stream, whose bytes come cut at these places. */
function read(bytes: Buffer, cuts: readonly number[]): StreamEvent[] {
  const parser = new SseParser();
  const sink = new BatchSink(new OpenAiStreamReader('openai'));
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  for (let index = 1; index < places.length; index += 1) {
    parser.pass(Buffer.from(bytes.subarray(places[index - 1], places[index])), sink);
  }
  return sink.batch;
}

/** A reader of its own for each event has nothing to compare with, so it parses. */
const parsed = (bytes: Buffer): StreamEvent[] =>
  new SseParser().push(bytes).flatMap((one) => [...new OpenAiStreamReader('openai').push(one)]);

const written = (events: readonly object[], end: string): Buffer =>
  Buffer.from(events.map((value) => `data: ${JSON.stringify(value)}${end}${end}`).join(''));

/** One chunk in place of several that add to the same text. */
function together(events: readonly StreamEvent[]): unknown {
  const [first] = events;
  if (!first?.data) return null;
  const text = events.map((one) => one.text).join('');
  const [choice] = first.data['choices'] as [{ delta: object }];
  const choices = [{ ...choice, delta: { ...choice.delta, content: text } }];
  const raw = Buffer.concat(events.map((one) => one.raw ?? Buffer.alloc(0)));
  return said({ ...first, data: { ...first.data, choices }, raw, text });
}

describe('a stream of chunks that are alike', () => {
  it('is read as if each chunk were parsed by itself', () => {
    let [runs, unparsed] = [0, 0];
    fc.assert(
      fc.property(
        fc.array(series, { maxLength: 20 }).map((all) => all.flat()),
        fc.array(fc.nat(8000), { maxLength: 4 }),
        fc.constantFrom('\n', '\n', '\n', '\r\n'),
        (values, cuts, end) => {
          const bytes = written(values, end);
          // Cut between the bytes of a line end, an event is handed on without the second.
          const events = read(bytes, end === '\n' ? cuts : []);
          const alone = parsed(bytes);
          for (const one of events) {
            const of = one.isTextOnly ? parsed(one.raw ?? Buffer.alloc(0)).length : 1;
            const expected = alone.splice(0, of);
            expect(said(one)).toEqual(of === 1 && expected[0] ? said(expected[0]) : together(expected));
            if (one.isTextOnly) [runs, unparsed] = [runs + 1, unparsed + of];
          }
          expect(alone).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
    expect(runs).toBeGreaterThan(50);
    expect(unparsed).toBeGreaterThan(2 * runs);
  });

  it('is one piece as long as nothing but the text changes', () => {
    const texts = ['Hel', 'lo', ' \u00e9\u{1f600}', ' there'].map((content) => chunk({ content }));
    const events = read(
      written([...texts, chunk({ content: '"' }), chunk({ content: '!' }), chunk({}, {}, 'stop')], '\n'),
      [],
    );
    expect(events.map(({ text: added }) => added)).toEqual(['Hel', 'lo \u00e9\u{1f600} there', '"', '!', '']);
    expect(events[1]?.data).toEqual(chunk({ content: 'lo \u00e9\u{1f600} there' }));
  });

  it('keeps apart what says more than its text', () => {
    const others = [certain, { ...frame, choices: [{ index: 0, delta: { content: 'a' }, token_ids: [7] }] }];
    for (const value of others) {
      expect(read(written([value, value, value], '\n'), []).map(({ isTextOnly }) => isTextOnly)).not.toContain(true);
    }
  });

  it('learns nothing from two members of that name, however they are written', () => {
    const json = (text: string, beside: string): string =>
      `data: {"choices":[{"index":0,"delta":{"content": "${text}"}}],"x":{"content":"${beside}"}}\n\n`;
    const events = read(Buffer.from(json('a', 'a') + json('a', 'zz')), []);
    expect(events.map(({ text: added }) => added)).toEqual(['a', 'a']);
  });

  it('learns nothing from an event of several lines', () => {
    const lines = (field: string): string => `data: {"choices":[{"index":0,\n${field}"delta":{"content":"a"}}]}\n\n`;
    expect(read(Buffer.from(lines('data: ') + lines('data: ')), []).map(({ text: added }) => added)).toEqual([
      'a',
      'a',
    ]);
    // What JSON of several lines looks like where they are not marked: half an object.
    expect(() => read(Buffer.from(lines('data: ') + lines('')), [])).toThrow(/not a JSON object/);
  });

  it('reads a piece larger than any packet', () => {
    const texts = Array.from({ length: 3_000 }, (_, index) => `${index} `);
    const bytes = written(
      texts.map((content) => chunk({ content })),
      '\n',
    );
    const events = read(bytes, [100_000, 200_000, 200_001]);
    expect(events.map(({ text: added }) => added).join('')).toBe(texts.join(''));
    expect(Buffer.concat(events.map(({ raw }) => raw ?? Buffer.alloc(0))).equals(bytes)).toBe(true);
  });

  it('loses nothing when it is cut, wherever that is', () => {
    const bytes = written([chunk({ content: 'a' }), chunk({ content: 'b' }), chunk({ content: 'c' })], '\n');
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(
        read(bytes, [cut])
          .map(({ text: added }) => added)
          .join(''),
      ).toBe('abc');
    }
  });
});
