import { DURATION_PATTERN } from '../duration';
import type { Field } from '../field-model';
import { allowedValues, argumentOf, hasRule, type SectionReference, type SettingReference } from './reference';

type Schema = Record<string, unknown>;

/** JSON Schema 2020-12 of the file, for editors: completion, descriptions, and most mistakes marked while typing. */
export function jsonSchema(root: SectionReference): string {
  const definitions = new Map<string, Schema>([
    ['variable', { description: 'Taken from the environment.', type: 'string', pattern: '\\$\\{' }],
  ]);
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'AI Gateway configuration',
    ...sectionSchema(root, definitions),
    $defs: Object.fromEntries(definitions),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function sectionSchema(section: SectionReference, definitions: Map<string, Schema>): Schema {
  const description = section.comment.text;
  const entries = section.settings.find((setting) => setting.field.shape.kind === 'entries');
  if (entries?.section)
    return { description, type: NULLABLE_OBJECT, additionalProperties: reference(entries.section, definitions) };
  const required = section.settings.filter((setting) => setting.isRequired).map((setting) => setting.field.name);
  return {
    description,
    type: NULLABLE_OBJECT,
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(
      section.settings.map((setting) => [setting.field.name, settingSchema(setting, definitions)]),
    ),
  };
}

/** A section whose settings are all commented out is null in YAML, and stands for its defaults. */
const NULLABLE_OBJECT = ['object', 'null'];

function reference(section: SectionReference, definitions: Map<string, Schema>): Schema {
  if (!definitions.has(section.className)) {
    definitions.set(section.className, {});
    definitions.set(section.className, sectionSchema(section, definitions));
  }
  return { $ref: `#/$defs/${section.className}` };
}

function settingSchema(setting: SettingReference, definitions: Map<string, Schema>): Schema {
  const { field, section } = setting;
  const description = setting.comment.text;
  if (section) {
    const nested = reference(section, definitions);
    if (field.shape.kind === 'section') return { description, ...nested };
    if (field.shape.kind === 'list')
      return { description, type: 'array', items: nested, ...(hasRule(field, 'arrayNotEmpty') ? { minItems: 1 } : {}) };
    return { description, type: NULLABLE_OBJECT, additionalProperties: nested };
  }
  return {
    description,
    ...(field.shape.secret ? { writeOnly: true } : {}),
    ...defaultOf(setting),
    ...valueSchema(field),
  };
}

function defaultOf({ field, defaultText }: SettingReference): Schema {
  if (defaultText === null) return {};
  if (field.valueType === 'list') return { default: defaultText === '[]' ? [] : listValues(field, defaultText) };
  const isText = field.shape.kind === 'duration' || field.valueType === 'text' || field.valueType === 'any';
  return { default: isText ? defaultText : (JSON.parse(defaultText) as unknown) };
}

function listValues(field: Field, text: string): unknown[] {
  const parts = text.slice(1, -1).split(', ');
  return hasRule(field, 'areFractions') ? parts.map(Number) : parts;
}

function valueSchema(field: Field): Schema {
  if (field.shape.kind === 'duration') return orVariable({ type: 'string', pattern: DURATION_PATTERN });
  if (field.shape.kind === 'decimal' || hasRule(field, 'isUsdPrice')) return { type: ['number', 'string'] };
  const allowed = allowedValues(field);
  if (allowed) return orVariable({ enum: allowed });
  if (field.valueType === 'boolean') return orVariable({ type: 'boolean' });
  if (field.valueType === 'number') return orVariable(numberSchema(field));
  if (field.valueType === 'list') return listSchema(field);
  return { type: 'string', minLength: 1 };
}

function numberSchema(field: Field): Schema {
  const minimum = argumentOf(field, 'min');
  const maximum = argumentOf(field, 'max');
  return {
    type: hasRule(field, 'isInt') ? 'integer' : 'number',
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  };
}

function listSchema(field: Field): Schema {
  const items = hasRule(field, 'areFractions')
    ? { type: 'number', exclusiveMinimum: 0, maximum: 10 }
    : { type: 'string', minLength: 1 };
  return { type: 'array', items, uniqueItems: true, ...(hasRule(field, 'arrayNotEmpty') ? { minItems: 1 } : {}) };
}

const orVariable = (schema: Schema): Schema => ({ anyOf: [schema, { $ref: '#/$defs/variable' }] });
