import type { Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { fieldShapes, type FieldShape } from './fields';
import type { Path } from './path';

/** One rule of a field, by the name of its validator: `isInt`, `max`, `areNames`. */
export interface Constraint {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** What one YAML value of the field is; `any` for a union. */
export type ValueType = 'text' | 'number' | 'boolean' | 'list' | 'any';

/** A field of a section class: what its decorators say of it. */
export interface Field {
  readonly name: string;
  readonly shape: FieldShape;
  readonly valueType: ValueType;
  readonly isOptional: boolean;
  readonly constraints: readonly Constraint[];
}

export type Fields = ReadonlyMap<string, Field>;

/** One entry for each section class, of which there are few. */
const models = new WeakMap<Type<object>, Fields>();

/** The fields of a section class, by name. */
export function fieldsOf(type: Type<object>): Fields {
  const known = models.get(type);
  if (known) return known;
  const model = describe(type);
  models.set(type, model);
  return model;
}

/** The first steps of a path, as far as they are settings or names of entries, and not text that merely stands there. */
export function knownSteps(root: Type<object>, path: Path): Path {
  let type: Type<object> | undefined = root;
  const known: (string | number)[] = [];
  for (const step of path) {
    const fields: Fields | null = type ? fieldsOf(type) : null;
    const entries: Field | null | undefined =
      fields && [...fields.values()].find((field) => field.shape.kind === 'entries');
    const field: Field | undefined = entries ?? fields?.get(String(step));
    const isName = typeof step === 'number' || /^[A-Za-z][\w.-]{0,40}$/.test(step);
    if (!field || !isName) break;
    known.push(step);
    type = field.shape.type?.();
    if (field.shape.kind === 'map' || field.shape.kind === 'list') break;
  }
  return known;
}

function describe(type: Type<object>): Fields {
  const shapes = fieldShapes(type);
  const rules = Object.entries(
    getMetadataStorage().groupByPropertyName(getMetadataStorage().getTargetValidationMetadatas(type, '', false, false)),
  );
  const byName = new Map(rules);
  const defaults = new type() as Readonly<Record<string, unknown>>;
  const names = new Set([...shapes.keys(), ...byName.keys()]);
  const fields = [...names].map((name): Field => {
    const metadata = byName.get(name) ?? [];
    return {
      name,
      shape: shapes.get(name) ?? { kind: 'value' },
      valueType: valueType(defaults[name], Reflect.getMetadata('design:type', type.prototype as object, name)),
      isOptional: metadata.some((rule) => rule.type === 'conditionalValidation'),
      constraints: metadata
        .filter((rule) => rule.name !== undefined && rule.type === 'customValidation')
        .map((rule) => ({ name: rule.name ?? '', args: (rule.constraints ?? []) as unknown[] })),
    };
  });
  return new Map(fields.map((field) => [field.name, field]));
}

/** By the default, when there is one: a field with an initialiser has no declared type at run time. */
function valueType(initial: unknown, declared: unknown): ValueType {
  if (Array.isArray(initial) || declared === Array) return 'list';
  if (typeof initial === 'string' || declared === String) return 'text';
  if (typeof initial === 'number' || declared === Number) return 'number';
  if (typeof initial === 'boolean' || declared === Boolean) return 'boolean';
  return 'any';
}
