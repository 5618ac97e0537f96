import fc from 'fast-check';
import { InvalidRequestError } from './errors';
import { JsonDocument, MAX_JSON_DEPTH } from './json-document';

const DANGEROUS = new Set(['__proto__', 'constructor', 'prototype']);
const hasDangerousKey = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, item]) => (!Array.isArray(value) && DANGEROUS.has(key)) || hasDangerousKey(item),
  );
};
const body = fc
  .dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 5 }))
  .filter((value) => !hasDangerousKey(value))
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const spacing = fc.constantFrom(undefined, 1, '\t');

const parse = (text: string | Buffer) => JsonDocument.parse(Buffer.from(text as string));

describe('JsonDocument', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(body, spacing, (value, space) => {
        expect(parse(JSON.stringify(value, null, space)).value).toEqual(value);
      }),
      { numRuns: 1000 },
    );
  });

  it('replaces and adds top-level members and leaves every other byte', () => {
    fc.assert(
      fc.property(body, spacing, fc.jsonValue({ maxDepth: 3 }), (value, space, replacement) => {
        const document = parse(JSON.stringify(value, null, space));
        const keys = Object.keys(value);
        const changes: Record<string, unknown> = { stream_options: { include_usage: true } };
        if (keys[0] !== undefined) changes[keys[0]] = replacement;
        const expected = JSON.parse(JSON.stringify({ ...value, ...changes })) as unknown;
        expect(JSON.parse(document.withMembers(changes).toString())).toEqual(expected);
        expect(document.withMembers({}).equals(document.bytes)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('never throws anything but InvalidRequestError, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          body
            .map((value) => Buffer.from(JSON.stringify(value)))
            .chain((bytes) =>
              fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(255)).map(([at, byte]) => {
                const damaged = Buffer.from(bytes);
                if (damaged.length > 0) damaged[at] = byte;
                return damaged;
              }),
            ),
        ),
        (bytes) => {
          try {
            JsonDocument.parse(Buffer.from(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidRequestError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
  it.each([
    ['an empty body', '', /empty/],
    ['not JSON', '{"model": }', /not valid JSON/],
    ['a truncated body', '{"model":"gpt', /not valid JSON/],
    ['an array', '[]', /must be a JSON object/],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /UTF-8/],
    ['__proto__', '{"__proto__":{"polluted":1}}', /"__proto__" is not allowed/],
    ['an escaped __proto__', '{"a":{"\\u005f_proto__":1}}', /"__proto__" is not allowed/],
    ['constructor deep inside', '{"a":[{"constructor":{}}]}', /"constructor" is not allowed/],
    ['duplicate keys', '{"model":"a","model":"b"}', /"model" appears twice/],
    ['duplicate keys, one escaped', '{"model":"a","mo\\u0064el":"b"}', /"model" appears twice/],
    [
      'duplicate keys among many',
      `{${Array.from({ length: 40 }, (_, n) => `"k${n}":1`).join()},"k7":2}`,
      /"k7" appears twice/,
    ],
    ['a number that overflows', '{"temperature":1e309}', /too large/],
    ['65 levels', nested(MAX_JSON_DEPTH + 1), /deeper than 64/],
    ['10,000 levels', nested(10_000), /deeper than 64/],
    ['10,000 arrays', `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, /deeper than 64/],
    ['a long array', `{"a":[${'0,'.repeat(100_001)}0]}`, /more than 100000/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(InvalidRequestError);
  });

  it('accepts what is legal', () => {
    expect(parse(nested(MAX_JSON_DEPTH)).value).toBeDefined();
    expect(parse('\uFEFF{"a":1}').value).toEqual({ a: 1 });
    expect(parse('{"text":"the words __proto__ and 1e999 in a \\"string\\" \\\\"}').value).toBeDefined();
    expect(parse('{"n":1e10,"flag":true,"none":false}').value).toEqual({ n: 1e10, flag: true, none: false });
    expect(parse('{"lone":"\\ud800"}').value).toEqual({ lone: '\ud800' });
  });

  it('a message never quotes the body', () => {
    expect(() => parse('{"messages":[{"content":"my secret prompt"}] oops')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') as string }),
    );
  });
});
