import { fieldsOf, isObject, listOf, numberOf, stringsOf, textOf, type JsonObject } from './loose-json';
import { patternText } from './pattern-text';
import type { Random } from './random';

/** Beyond this depth only what is required is filled, so that recursive schemas end. */
const FULL_DEPTH = 4;
/** Beyond this depth nothing is filled any more: a schema that requires itself without end has no finite answer. */
const LAST_DEPTH = 24;

interface Filling {
  readonly root: JsonObject;
  readonly random: Random;
  readonly depth: number;
  readonly name: string;
}

/** A JSON value that satisfies the schema: types, enums, required fields, bounds, formats, simple patterns, `$ref`. */
export function fillSchema(schema: JsonObject, random: Random): unknown {
  return fill(schema, { root: schema, random, depth: 0, name: 'answer' });
}

function fill(given: unknown, filling: Filling): unknown {
  if (filling.depth > LAST_DEPTH) return null;
  const schema = resolve(given, filling.root);
  if ('const' in schema) return schema['const'];
  const choices = listOf(schema['enum']);
  if (choices.length > 0) return filling.random.pick(choices);
  const variants = listOf(schema['anyOf'] ?? schema['oneOf']).map(fieldsOf);
  if (variants.length > 0)
    return fill({ ...withoutVariants(schema), ...pickVariant(variants, filling) }, deeper(filling));
  return fillType(typeOf(schema, filling.depth), schema, filling);
}

const deeper = (filling: Filling, name = filling.name): Filling => ({ ...filling, depth: filling.depth + 1, name });

function fillType(type: string, schema: JsonObject, filling: Filling): unknown {
  switch (type) {
    case 'object':
      return fillObject(schema, filling);
    case 'array':
      return fillArray(schema, filling);
    case 'integer':
    case 'number':
      return fillNumber(schema, filling, type === 'integer');
    case 'boolean':
      return filling.random.next() < 0.5;
    case 'null':
      return null;
    default:
      return fillString(schema, filling);
  }
}

/** Follows `$ref` into the document and merges `allOf`. */
function resolve(given: unknown, root: JsonObject): JsonObject {
  let schema = fieldsOf(given);
  for (let hops = 0; typeof schema['$ref'] === 'string' && hops < 16; hops += 1)
    schema = fieldsOf(lookUp(root, schema['$ref']));
  const parts = listOf(schema['allOf']).map((part) => resolve(part, root));
  if (parts.length === 0) return schema;
  return parts.reduce<JsonObject>((merged, part) => mergeSchemas(merged, part), { ...schema, allOf: undefined });
}

function mergeSchemas(left: JsonObject, right: JsonObject): JsonObject {
  return {
    ...left,
    ...right,
    properties: { ...fieldsOf(left['properties']), ...fieldsOf(right['properties']) },
    required: [...listOf(left['required']), ...listOf(right['required'])],
  };
}

function lookUp(root: JsonObject, pointer: string): unknown {
  if (pointer === '#') return root;
  let value: unknown = root;
  for (const part of pointer.replace(/^#\//, '').split('/'))
    value = fieldsOf(value)[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')];
  return value;
}

function withoutVariants(schema: JsonObject): JsonObject {
  const { anyOf: _anyOf, oneOf: _oneOf, ...rest } = schema;
  return rest;
}

function pickVariant(variants: readonly JsonObject[], filling: Filling): JsonObject {
  const leaf =
    variants.find((variant) => variant['type'] === 'null') ?? variants.find((variant) => !('$ref' in variant));
  if (filling.depth >= FULL_DEPTH && leaf !== undefined) return leaf;
  return resolve(variants[0], filling.root);
}

function typeOf(schema: JsonObject, depth: number): string {
  const type = schema['type'];
  if (typeof type === 'string') return type;
  const types = stringsOf(type);
  if (types.includes('null') && depth >= FULL_DEPTH) return 'null';
  const first = types.find((candidate) => candidate !== 'null');
  if (first !== undefined) return first;
  if (isObject(schema['properties']) || depth === 0) return 'object';
  return 'items' in schema || 'prefixItems' in schema ? 'array' : 'string';
}

function fillObject(schema: JsonObject, filling: Filling): JsonObject {
  const properties = fieldsOf(schema['properties']);
  const required = stringsOf(schema['required']);
  const value: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties))
    if (required.includes(name) || filling.depth < FULL_DEPTH)
      Object.defineProperty(value, name, own(fill(property, deeper(filling, name))));
  const rest = isObject(schema['additionalProperties']) ? schema['additionalProperties'] : {};
  for (const name of required)
    if (!Object.hasOwn(value, name)) Object.defineProperty(value, name, own(fill(rest, deeper(filling, name))));
  const wanted = numberOf(schema['minProperties']) ?? (isObject(schema['additionalProperties']) ? 1 : 0);
  for (let count = Object.keys(value).length; count < wanted; count += 1)
    value[`key_${count + 1}`] = fill(rest, deeper(filling, `key_${count + 1}`));
  return value;
}

/** Defined, not assigned, so that a property called `__proto__` is one. */
const own = (value: unknown): PropertyDescriptor => ({ value, enumerable: true, writable: true, configurable: true });

function fillArray(schema: JsonObject, filling: Filling): unknown[] {
  const values = listOf(schema['prefixItems']).map((item) => fill(item, deeper(filling)));
  if (schema['items'] === false) return values;
  const most = numberOf(schema['maxItems']) ?? Number.POSITIVE_INFINITY;
  const least = numberOf(schema['minItems']) ?? (filling.depth < FULL_DEPTH ? 1 : 0);
  const wanted = Math.min(Math.max(values.length, least), most, 1_000);
  const seen = new Set(values.map((value) => JSON.stringify(value)));
  for (let tries = 0; values.length < wanted && tries < wanted * 20; tries += 1) {
    const value = fill(schema['items'] ?? { type: 'string' }, deeper(filling));
    const key = JSON.stringify(value);
    if (schema['uniqueItems'] === true && seen.has(key)) continue;
    seen.add(key);
    values.push(value);
  }
  return values;
}

function fillNumber(schema: JsonObject, filling: Filling, integer: boolean): number {
  const step = numberOf(schema['multipleOf']) ?? (integer ? 1 : 0.5);
  const above = numberOf(schema['exclusiveMinimum']);
  const below = numberOf(schema['exclusiveMaximum']);
  const low = above === null ? numberOf(schema['minimum']) : above + step / 2;
  const high = below === null ? numberOf(schema['maximum']) : below - step / 2;
  const start = low ?? (high === null ? 1 : high - 10 * step);
  const end = high ?? start + 100 * step;
  const first = Math.ceil(start / step);
  const last = Math.floor(end / step);
  // No multiple of the step fits (a narrow range of fractions): the middle of the range does.
  if (last < first) return integer ? Math.ceil(start) : (start + end) / 2;
  return Number(((first + filling.random.below(Math.min(last - first + 1, 1_000_000))) * step).toPrecision(12));
}

const FORMATS = new Map<string, (random: Random) => string>(
  Object.entries({
    date: (random: Random) => `2026-0${1 + random.below(9)}-1${random.below(10)}`,
    time: (random: Random) => `1${random.below(10)}:30:00Z`,
    'date-time': (random: Random) => `2026-0${1 + random.below(9)}-1${random.below(10)}T12:00:00Z`,
    duration: () => 'PT30M',
    email: (random: Random) => `user${random.below(1000)}@example.com`,
    hostname: () => 'host.example.com',
    uri: (random: Random) => `https://example.com/${random.below(1000)}`,
    ipv4: (random: Random) => `192.0.2.${1 + random.below(254)}`,
    ipv6: (random: Random) => `2001:db8::${1 + random.below(9000)}`,
    uuid: (random: Random) => `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-8${random.hex(3)}-${random.hex(12)}`,
  }),
);

const VALUES = ['café', 'Zürich', 'São Paulo', 'naïve', 'Łódź', '東京', 'crème 🍮', 'Málaga'];

function fillString(schema: JsonObject, filling: Filling): string {
  const format = FORMATS.get(textOf(schema['format']));
  if (format !== undefined) return format(filling.random);
  const pattern = schema['pattern'];
  const matching = typeof pattern === 'string' ? patternText(pattern, filling.random) : null;
  if (matching !== null) return matching;
  const least = numberOf(schema['minLength']) ?? 0;
  const most = numberOf(schema['maxLength']) ?? Number.POSITIVE_INFINITY;
  let characters = Array.from(filling.random.pick(VALUES));
  while (characters.length < Math.min(least, 100_000))
    characters = [...characters, ...Array.from(filling.random.pick(VALUES))];
  return characters.slice(0, Math.max(least, Math.min(characters.length, most))).join('');
}
