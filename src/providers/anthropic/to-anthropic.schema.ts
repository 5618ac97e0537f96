import type { JsonObject } from '../../core/chat';
import { asObject, isObject } from './anthropic.wire';

/** String formats the constrained decoder knows. Source: Anthropic's structured-outputs documentation. */
const STRING_FORMATS = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);
const PLAIN_KEYWORDS = new Set(['$ref', '$id', 'type', 'title', 'description', 'default', 'const', 'enum', 'required']);
/** Keywords whose value is a map from names to schemas. */
const SCHEMA_MAPS = new Set(['properties', '$defs', 'definitions']);
const SCHEMA_LISTS = new Set(['anyOf', 'oneOf', 'allOf']);
/** Names the dialect; constrains nothing. */
const IGNORED_KEYWORDS = new Set(['$schema', 'additionalProperties', 'strict']);

/**
 * A schema that Anthropic's constrained decoder accepts: objects are closed, `oneOf` becomes `anyOf`, and every keyword
 * it does not know moves into the description, so that the model still reads it. Property order is kept.
 */
export function toStrictSchema(schema: JsonObject): JsonObject {
  const result: JsonObject = {};
  const notes: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    const kept = translateKeyword(keyword, value);
    if (kept) result[kept[0]] = kept[1];
    else if (!IGNORED_KEYWORDS.has(keyword) && value !== null && value !== false) notes.push(note(keyword, value));
  }
  if (isObjectSchema(schema)) {
    const { additionalProperties } = schema;
    if (isObject(additionalProperties)) notes.push(note('additionalProperties', additionalProperties));
    result['additionalProperties'] = false;
  }
  if (notes.length > 0) {
    const { description } = result;
    const text = `${notes.join('; ')}.`;
    result['description'] = typeof description === 'string' ? `${description}\n${text}` : text;
  }
  return result;
}

function translateKeyword(keyword: string, value: unknown): [string, unknown] | null {
  if (PLAIN_KEYWORDS.has(keyword)) return [keyword, value];
  if (SCHEMA_MAPS.has(keyword) && isObject(value)) {
    return [keyword, Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, strictEntry(entry)]))];
  }
  if (SCHEMA_LISTS.has(keyword) && Array.isArray(value)) {
    return [keyword === 'oneOf' ? 'anyOf' : keyword, value.map(strictEntry)];
  }
  if (keyword === 'items') return [keyword, Array.isArray(value) ? value.map(strictEntry) : strictEntry(value)];
  return isKnownConstraint(keyword, value) ? [keyword, value] : null;
}

const isKnownConstraint = (keyword: string, value: unknown): boolean =>
  (keyword === 'format' && typeof value === 'string' && STRING_FORMATS.has(value)) ||
  (keyword === 'minItems' && (value === 0 || value === 1));

const strictEntry = (entry: unknown): unknown => (isObject(entry) ? toStrictSchema(entry) : entry);

const note = (keyword: string, value: unknown): string =>
  `${keyword.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;

function isObjectSchema(schema: JsonObject): boolean {
  const { type, properties } = schema;
  return type === 'object' || (Array.isArray(type) && type.includes('object')) || isObject(properties);
}

/**
 * A tool's `input_schema` from OpenAI's `parameters`: an object schema always, otherwise untouched. Null when the schema
 * describes something that is not an object.
 */
export function toInputSchema(parameters: unknown): JsonObject | null {
  const schema = asObject(parameters);
  const { type } = schema;
  if (Object.keys(schema).length === 0) return { type: 'object', properties: {} };
  if (type === 'object') return schema;
  if (type === undefined || type === null) return { ...schema, type: 'object' };
  return Array.isArray(type) && type.includes('object') ? { ...schema, type: 'object' } : null;
}
