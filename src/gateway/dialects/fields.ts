import type { JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';

type Body = Readonly<JsonObject>;

/** No context window comes near it; larger numbers only hide mistakes. */
const MAX_COUNT = 1_000_000_000;
const MAX_NAME_LENGTH = 256;

export function requiredName(body: Body, field: string): string {
  const value = body[field];
  if (typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH) return value;
  throw new InvalidRequestError(
    `"${field}" is required and must be a string of 1 to ${MAX_NAME_LENGTH} characters.`,
    field,
  );
}

export function requiredObjects(body: Body, field: string): JsonObject[] {
  const value = body[field];
  if (!Array.isArray(value) || value.length === 0) {
    throw new InvalidRequestError(`"${field}" is required and must be a non-empty list.`, field);
  }
  value.forEach((item: unknown, index) => {
    if (typeof item === 'object' && item !== null && !Array.isArray(item)) return;
    throw new InvalidRequestError(`"${field}[${index}]" must be an object.`, `${field}[${index}]`);
  });
  return value as JsonObject[];
}

export function optionalBoolean(body: Body, field: string, path = field): boolean | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value;
  throw new InvalidRequestError(`"${path}" must be true or false.`, path);
}

export function optionalCount(body: Body, field: string, max = MAX_COUNT): number | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new InvalidRequestError(`"${field}" must be a whole number from 1 to ${max}.`, field);
}

/** What a field may hold, in the words of a message. */
const KINDS = {
  'a number': (value: unknown) => typeof value === 'number',
  'a whole number': (value: unknown) => Number.isInteger(value),
  'a string': (value: unknown) => typeof value === 'string',
  'true or false': (value: unknown) => typeof value === 'boolean',
  'a list': (value: unknown) => Array.isArray(value),
  'an object': (value: unknown) => typeof value === 'object' && !Array.isArray(value),
  'a string or a list': (value: unknown) => typeof value === 'string' || Array.isArray(value),
  'a string or an object': (value: unknown) =>
    typeof value === 'string' || (typeof value === 'object' && !Array.isArray(value)),
} as const;

export type FieldKinds = Readonly<Record<string, keyof typeof KINDS>>;

/** Optional fields that are passed on: a slip of the type is told here, before a provider is asked; which values it takes is the provider's to say. */
export function checkKinds(body: Body, kinds: FieldKinds): void {
  for (const field in kinds) {
    const value = body[field];
    if (value === undefined || value === null) continue;
    const kind = kinds[field]!;
    if (!KINDS[kind](value)) throw new InvalidRequestError(`"${field}" must be ${kind}.`, field);
  }
}
