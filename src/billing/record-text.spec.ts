import * as fc from 'fast-check';
import { isoTime, storable, storableJson, storableList, textJson } from './record-text';

const anyText = fc.string({ unit: 'binary', maxLength: 700 });
const loneHalf = fc.constantFrom('\ud800', 'a\udfff', '\0', 'x\0y', '😀', '\\u0000', '\\\\u0000');

describe('text for records', () => {
  it('is short, whole and free of NUL, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          fc.array(fc.oneof(anyText, loneHalf)).map((parts) => parts.join('')),
        ),
        (text) => {
          const kept = storable(text);
          expect(kept.length).toBeLessThanOrEqual(512);
          expect(kept).not.toContain('\0');
          expect(Buffer.from(kept).toString()).toBe(kept);
        },
      ),
    );
    expect(storable('größe 😀')).toBe('größe 😀');
    expect(storable(null)).toBeNull();
  });

  it('makes JSON without escapes that a database refuses, and changes nothing else', () => {
    expect(storableJson({ a: 'x\0y\ud800', b: 1n, c: '\\u0000' })).toBe(
      '{"a":"x\ufffdy\ufffd","b":"1","c":"\\\\u0000"}',
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(storableJson(value) ?? '')).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('gives up on what has no JSON or too much', () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(storableJson(loop)).toBeNull();
    expect(storableJson('x'.repeat(100_000))).toBeNull();
  });

  it('cuts a long list and says so', () => {
    expect(storableList([1, { a: 2 }], 'cut')).toBe('[1,{"a":2}]');
    const list = JSON.parse(
      storableList(
        Array.from({ length: 300 }, () => 'y'.repeat(1_000)),
        'cut',
      ),
    ) as string[];
    expect(list.at(-1)).toBe('cut');
    expect(list.length).toBeLessThan(70);
  });

  it('writes times as Date does, in any order', () => {
    const time = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
    fc.assert(
      fc.property(fc.array(fc.tuple(time, fc.integer({ min: 0, max: 1_999 })), { maxLength: 20 }), (times) => {
        for (const [timeMs, later] of times) {
          expect(isoTime(timeMs)).toBe(new Date(timeMs).toISOString());
          expect(isoTime(timeMs + later)).toBe(new Date(timeMs + later).toISOString());
        }
      }),
    );
  });

  it('puts names into JSON as it puts all text, however often', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
        const made = textJson(name);
        expect(JSON.parse(made)).toBe(storable(name));
        expect(textJson(name)).toBe(made);
      }),
    );
    expect(textJson(null)).toBe('null');
  });
});
