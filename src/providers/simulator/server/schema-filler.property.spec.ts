import fc from 'fast-check';
import type { JsonObject } from './loose-json';
import { patternText } from './pattern-text';
import { Random } from './random';
import { fillSchema } from './schema-filler';

/** Schemas of the kind tools declare, each with a judge that does not share code with the filler. */
interface Judged {
  readonly schema: JsonObject;
  readonly accepts: (value: unknown) => boolean;
}

const text = fc.record({ least: fc.nat(20), extra: fc.nat(20) }).map(({ least, extra }): Judged => ({
  schema: { type: 'string', minLength: least, maxLength: least + extra },
  accepts: (value) =>
    typeof value === 'string' && Array.from(value).length >= least && Array.from(value).length <= least + extra,
}));
const integer = fc
  .record({ low: fc.integer({ min: -999, max: 999 }), span: fc.nat(50), step: fc.constantFrom(1, 5) })
  .map(({ low, span, step }): Judged => {
    const high = low + span + step;
    return {
      schema: { type: 'integer', minimum: low, maximum: high, multipleOf: step },
      accepts: (value) =>
        Number.isInteger(value) && Number(value) >= low && Number(value) <= high && Number(value) % step === 0,
    };
  });
const number = fc
  .record({ low: fc.double({ min: -99, max: 99, noNaN: true }), span: fc.double({ min: 0.001, max: 9, noNaN: true }) })
  .map(({ low, span }): Judged => ({
    schema: { type: 'number', exclusiveMinimum: low, exclusiveMaximum: low + span },
    accepts: (value) => typeof value === 'number' && value > low && value < low + span,
  }));
const choice = fc
  .uniqueArray(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { minLength: 1, maxLength: 5 })
  .map((values): Judged => ({ schema: { enum: values }, accepts: (value) => values.includes(value as string) }));
const { schema: judged } = fc.letrec<{ schema: Judged }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4 },
    text,
    integer,
    number,
    choice,
    fc.constant<Judged>({
      schema: { type: ['boolean', 'null'] },
      accepts: (value) => value === null || typeof value === 'boolean',
    }),
    fc
      .dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie('schema') as fc.Arbitrary<Judged>, { maxKeys: 4 })
      .map(objectOf),
    fc
      .tuple(tie('schema') as fc.Arbitrary<Judged>, fc.nat(3), fc.nat(3))
      .map(([item, least, extra]) => listOf(item, least, least + extra)),
    fc
      .tuple(tie('schema') as fc.Arbitrary<Judged>, tie('schema') as fc.Arbitrary<Judged>)
      .map(([left, right]): Judged => ({
        schema: { anyOf: [left.schema, right.schema] },
        accepts: (value) => left.accepts(value) || right.accepts(value),
      })),
  ),
}));

function objectOf(fields: Record<string, Judged>): Judged {
  const names = Object.keys(fields);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.schema])),
      required: names,
      additionalProperties: false,
    },
    accepts: (value) =>
      typeof value === 'object' &&
      value !== null &&
      Object.keys(value).length === names.length &&
      names.every((name) => fields[name]?.accepts((value as Record<string, unknown>)[name]) ?? false),
  };
}

function listOf(item: Judged, least: number, most: number): Judged {
  return {
    schema: { type: 'array', items: item.schema, minItems: least, maxItems: most },
    accepts: (value) =>
      Array.isArray(value) &&
      value.length >= least &&
      value.length <= most &&
      value.every((entry) => item.accepts(entry)),
  };
}

describe('a filled schema', () => {
  it('is accepted by the schema', () => {
    fc.assert(
      fc.property(judged, fc.nat(), ({ schema, accepts }, seed) => {
        const value = fillSchema(schema, new Random(seed));
        expect({ value, accepted: accepts(value) }).toEqual({ value, accepted: true });
      }),
      { numRuns: 500 },
    );
  });

  it('is the same for the same seed', () => {
    fc.assert(
      fc.property(judged, fc.nat(), ({ schema }, seed) => {
        expect(fillSchema(schema, new Random(seed))).toEqual(fillSchema(schema, new Random(seed)));
      }),
    );
  });

  it('follows references, also into itself, and ends', () => {
    const node = {
      type: 'object',
      properties: { name: { type: 'string' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
      required: ['name', 'next'],
    };
    const value = fillSchema({ $ref: '#/$defs/node', $defs: { node } }, new Random(1));
    let depth = 0;
    for (let at = value as { name?: unknown; next?: unknown } | null; at !== null; at = at.next as typeof at) {
      expect(typeof at.name).toBe('string');
      depth += 1;
    }
    expect(depth).toBeGreaterThan(1);
    const endless = {
      $ref: '#/$defs/a',
      $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } },
    };
    expect(() => JSON.stringify(fillSchema(endless, new Random(1)))).not.toThrow();
  });

  it('merges allOf, keeps const, defines dangerous names as plain fields', () => {
    const parts = [
      { type: 'object', properties: { a: { const: 7 } }, required: ['a'] },
      { properties: { b: { type: 'boolean' } }, required: ['b'] },
    ];
    expect(fillSchema({ allOf: parts }, new Random(3))).toEqual({ a: 7, b: expect.any(Boolean) });
    const odd = fillSchema(
      JSON.parse(
        '{"type":"object","properties":{"__proto__":{"type":"null"}},"required":["constructor"]}',
      ) as JsonObject,
      new Random(3),
    );
    expect(Object.keys(odd as object).sort()).toEqual(['__proto__', 'constructor']);
  });
});

describe('a text for a pattern', () => {
  it.each([
    String.raw`^\d{4}-\d{2}-\d{2}$`,
    '^[A-Z]{3}[0-9]+$',
    '^(?:red|green)$',
    String.raw`^\+?[1-9]\d{1,14}$`,
    '^[a-zA-Z0-9_-]{1,64}$',
    '^x(ab){3}c*$',
  ])('matches %s', (pattern) => {
    for (let seed = 0; seed < 50; seed += 1)
      expect(patternText(pattern, new Random(seed))).toMatch(new RegExp(pattern, 'u'));
  });

  it.each(['(?=a)b', '[^a]', '(', String.raw`\bword\b`])('is none for %s', (pattern) => {
    expect(patternText(pattern, new Random(1))).toBeNull();
  });
});
