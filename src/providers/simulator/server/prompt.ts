import type { JsonObject } from './loose-json';

export type Surface = 'chat' | 'completions' | 'responses' | 'messages';

export interface ToolSpec {
  readonly name: string;
  readonly parameters: JsonObject;
}

export interface ToolChoice {
  readonly mode: 'auto' | 'none' | 'required';
  /** Names of the only tools that may be called; null: all. */
  readonly only: readonly string[] | null;
}

export type AnswerFormat =
  { readonly kind: 'json_object' } | { readonly kind: 'json_schema'; readonly schema: JsonObject };

/** A request of any dialect, reduced to what decides the answer. */
export interface Prompt {
  readonly surface: Surface;
  readonly model: string;
  readonly stream: boolean;
  /** Text of the last user turn that has any: where markers are looked for. */
  readonly text: string;
  /** Everything the model reads, as one string: what prompt caches and seeds are computed from. */
  readonly transcript: string;
  readonly inputTokens: number;
  readonly tools: readonly ToolSpec[];
  readonly toolChoice: ToolChoice;
  readonly parallelTools: boolean;
  /** Results that came after the last assistant turn. */
  readonly toolResults: readonly string[];
  readonly format: AnswerFormat | null;
  readonly choices: number;
  readonly stop: readonly string[];
  readonly maxTokens: number | null;
  /** OpenAI: tokens of reasoning that are billed and not shown. */
  readonly hiddenReasoningTokens: number;
  /** Anthropic: most tokens of visible thinking; null when it is off. */
  readonly thinkingBudget: number | null;
  readonly imageCount: number;
}

/** Reasoning tokens billed for each effort. Round figures in the range of the recorded `completion_tokens_details`. */
const EFFORT_TOKENS = new Map(
  Object.entries({
    none: 0,
    minimal: 0,
    low: 64,
    medium: 192,
    high: 448,
    xhigh: 960,
    max: 1920,
  }),
);

const REASONS_BY_DEFAULT = /^(?:o[1-9]|gpt-5)/;

/** Tokens of hidden reasoning. A model that reasons unasked leaves at least half of the limit for the answer. */
export function reasoningTokensFor(model: string, effort: string | null, maxTokens: number | null): number {
  if (effort !== null) return EFFORT_TOKENS.get(effort) ?? 192;
  if (!REASONS_BY_DEFAULT.test(model)) return 0;
  return Math.min(64, Math.floor((maxTokens ?? 128) / 2));
}
