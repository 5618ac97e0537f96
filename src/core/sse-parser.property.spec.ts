import fc from 'fast-check';
import { guarantee } from '../../test/support/guarantee';
import { MAX_EVENT_BYTES, SseOverflowError, SseParser, type SseEvent } from './sse-parser';

interface Written {
  readonly name: string | null;
  readonly data: string[];
}

const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ''));
const event: fc.Arbitrary<Written> = fc.record({
  name: fc.option(line.filter((text) => text.length > 0)),
  data: fc.array(line, { minLength: 1, maxLength: 3 }),
});
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');

function write(events: readonly Written[], end: string, withBom: boolean, comment: string): Buffer {
  const blocks = events.map(({ name, data }) =>
    [`:${comment}`, ...(name === null ? [] : [`event: ${name}`]), ...data.map((text) => `data: ${text}`), ''].join(end),
  );
  return Buffer.from((withBom ? '\uFEFF' : '') + blocks.join(end) + end);
}

function parse(bytes: Buffer, cuts: readonly number[]): SseEvent[] {
  const parser = new SseParser();
  const positions = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  const events: SseEvent[] = [];
  for (let index = 1; index < positions.length; index += 1) {
    events.push(...parser.push(Buffer.from(bytes.subarray(positions[index - 1], positions[index]))));
  }
  return events;
}

const meaning = (events: readonly SseEvent[]) => events.map(({ name, data }) => ({ name, data }));

describe('SseParser', () => {
  it('(86) gives the same events however the bytes are cut (UPS-7)', () => {
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 5 }),
        lineEnd,
        fc.boolean(),
        line,
        fc.array(fc.nat(2000), { maxLength: 40 }),
        (events, end, withBom, comment, cuts) => {
          const expected = events.map(({ name, data }) => ({ name, data: data.join('\n') }));
          const bytes = write(events, end, withBom, comment);
          expect(meaning(parse(bytes, cuts))).toEqual(expected);
        },
      ),
      { numRuns: 2000 },
    );
    guarantee('UPS-7', '2000 streams cut at random places, one at every offset: the same events, 0 uncaught');
  });

  it('gives the same events at every single offset and byte by byte', () => {
    const bytes = write(
      [
        { name: 'message_start', data: ['{"text":"Grüße 👋🏽 日本"}'] },
        { name: null, data: ['a', '', 'b'] },
      ],
      '\r\n',
      true,
      ' OPENROUTER PROCESSING',
    );
    const whole = meaning(parse(bytes, []));
    for (let offset = 0; offset <= bytes.length; offset += 1) expect(meaning(parse(bytes, [offset]))).toEqual(whole);
    expect(
      meaning(
        parse(
          bytes,
          Array.from({ length: bytes.length }, (_, index) => index),
        ),
      ),
    ).toEqual(whole);
  });

  it('keeps the bytes of each event exactly', () => {
    const text = 'event: ping\ndata: {"type": "ping"}\n\n: comment\n\ndata:x\nid: 7\n\n';
    const events = parse(Buffer.from(text), [3, 9, 20, 41, 44]);
    expect(Buffer.concat(events.map(({ raw }) => raw)).toString()).toBe(text);
    expect(events.map(({ data }) => data)).toEqual(['{"type": "ping"}', null, 'x']);
  });

  it('events handed out earlier are not overwritten by later bytes', () => {
    const parser = new SseParser();
    parser.push(Buffer.from('data: fir'));
    const [first] = parser.push(Buffer.from('st\n\ndata: sec'));
    parser.push(Buffer.from('ond and much longer than before\n\n'));
    expect(first?.raw.toString()).toBe('data: first\n\n');
  });

  it('hands out a last event without its blank line, but not a cut line', () => {
    const ended = new SseParser();
    expect(ended.push(Buffer.from('data: [DONE]\n'))).toEqual([]);
    expect(ended.finish()?.data).toBe('[DONE]');
    expect(ended.finish()).toBeNull();
    const cut = new SseParser();
    cut.push(Buffer.from('data: {"a":1}\ndata: {"b'));
    expect(cut.finish()).toBeNull();
  });

  it('refuses an event that never ends', () => {
    const parser = new SseParser();
    const piece = Buffer.alloc(65_536, 0x61);
    expect(() => {
      for (let sent = 0; sent <= MAX_EVENT_BYTES; sent += piece.length) parser.push(piece);
    }).toThrow(SseOverflowError);
  });

  it('takes chunks of any size, and refuses the same events however they are cut', () => {
    const dataOf = (length: number): string => `data: ${'x'.repeat(length - 'data: \n\n'.length)}\n\n`;
    const many = `${dataOf(1_000)}`.repeat(3_000);
    const largest = dataOf(MAX_EVENT_BYTES);
    const read = (text: string, size: number): number => {
      const parser = new SseParser();
      const bytes = Buffer.from(text);
      let events = 0;
      for (let start = 0; start < bytes.length; start += size)
        events += parser.push(bytes.subarray(start, start + size)).length;
      return events;
    };
    for (const size of [1_000, 65_536, 65_537, 1_500_000, Infinity]) {
      // Cut in the middle of an event, so that one is pending when a chunk larger than any event comes.
      expect(read(`${many}${largest}${many}`, size)).toBe(6_001);
      expect(() => read(`${many}${dataOf(MAX_EVENT_BYTES + 1)}`, size)).toThrow(SseOverflowError);
    }
  });
});
