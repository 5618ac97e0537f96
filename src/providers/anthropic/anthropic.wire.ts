import type { JsonObject } from '../../core/chat';

/** A content block of the Messages API. Only `type` is sure; the rest depends on it. */
export type AnthropicBlock = JsonObject & { type: string };

/** A message on the wire, content always as blocks. */
export interface AnthropicTurn {
  role: 'user' | 'assistant' | 'system';
  content: AnthropicBlock[];
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object, or an empty one: provider output is read leniently. */
export const asObject = (value: unknown): JsonObject => (isObject(value) ? value : {});

export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A count of tokens; null, absent, negative and broken values count as 0. */
export const asCount = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0;

/** The API refuses text of whitespace only. Stops at the first visible character, so long prompts cost nothing. */
export const isBlank = (text: string): boolean => !/\S/.test(text);

/** The API's own rule for tool names. */
export const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/;
