import { isDeepStrictEqual } from 'node:util';
import type { Type } from '@nestjs/common';
import { formatDuration } from './duration';
import { fieldsOf, type Field } from './field-model';
import { MASK, maskUrl } from './mask';
import { pathText, type Path } from './path';

type Values = Readonly<Record<string, unknown>>;

/** A configuration as it could stand in the file, every default filled in and every secret masked. */
export function effectiveValues(section: object): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const field of fieldsOf(section.constructor as Type<object>).values()) {
    const value = (section as Values)[field.name];
    if (value === undefined) continue;
    if (field.shape.kind === 'entries') return effectiveEntries(value as Values);
    shown[field.name] = shownValue(field, value);
  }
  return shown;
}

function shownValue(field: Field, value: unknown): unknown {
  if (field.shape.secret) {
    const isUrl = field.constraints.some((constraint) => constraint.name === 'isUrlOf');
    return isUrl ? maskUrl(String(value)) : MASK;
  }
  if (field.shape.kind === 'duration') return formatDuration(value as number);
  if (field.shape.kind === 'section') return effectiveValues(value as object);
  if (field.shape.kind === 'list') return (value as object[]).map(effectiveValues);
  return field.shape.kind === 'map' ? effectiveEntries(value as Values) : value;
}

function effectiveEntries(entries: Values): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, effectiveValues(entry as object)]));
}

/**
 * Copies what only a restart can change from the configuration in force into the next one, so that it keeps telling the
 * truth. Returns the places where the file asks for something else.
 */
export function keepFixedValues(inForce: object, next: object, path: Path = []): string[] {
  const kept: string[] = [];
  for (const field of fieldsOf(inForce.constructor as Type<object>).values()) {
    const before = (inForce as Values)[field.name];
    const after = (next as Values)[field.name];
    const place = [...path, field.name];
    if (field.shape.kind === 'section' && before !== undefined && after !== undefined)
      kept.push(...keepFixedValues(before as object, after as object, place));
    if (!field.shape.fixedAtBoot || isDeepStrictEqual(before, after)) continue;
    Object.assign(next, { [field.name]: before });
    kept.push(pathText(place));
  }
  return kept;
}
