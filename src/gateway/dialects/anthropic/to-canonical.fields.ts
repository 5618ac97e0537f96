import type { JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const asObject = (value: unknown): JsonObject => (isObject(value) ? value : {});

export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The object at `param`, or the error that says what was expected there. */
export function requireObject(value: unknown, param: string): JsonObject {
  if (isObject(value)) return value;
  throw new InvalidRequestError(`${param} must be an object.`, param);
}

export function requireText(value: unknown, param: string): string {
  if (typeof value === 'string') return value;
  throw new InvalidRequestError(`${param} must be a string.`, param);
}

/** Content as blocks: a string is shorthand for one text block. */
export function requireBlocks(content: unknown, param: string): readonly unknown[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (Array.isArray(content)) return content;
  throw new InvalidRequestError(`${param} must be a string or an array of content blocks.`, param);
}
