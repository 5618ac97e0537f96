/** The most a model writes in one answer, where the catalogue does not know it: from Anthropic's model overview, by family. */
const MAX_OUTPUT_TOKENS: readonly [RegExp, number][] = [
  [/^claude-3-(opus|sonnet|haiku)/, 4_096],
  [/^claude-3-5/, 8_192],
  [/^claude-3-7/, 64_000],
  [/^claude-opus-4(-0|-1|-2025)/, 32_000],
  [/^claude-/, 64_000],
];

/** Anthropic requires a bound; OpenAI clients often send none. Enough for a long answer, small enough to reserve. */
const DEFAULT_OUTPUT_TOKENS = 8_192;

export interface OutputLimits {
  /** Used when the client gave no bound. */
  readonly defaultTokens: number;
  /** A larger bound is an error at the provider. */
  readonly maxTokens: number;
}

/** `known`: what the catalogue says of the model. */
export function outputLimits(model: string, known: number | null): OutputLimits {
  const maxTokens = known ?? MAX_OUTPUT_TOKENS.find(([pattern]) => pattern.test(model))?.[1] ?? DEFAULT_OUTPUT_TOKENS;
  return { defaultTokens: Math.min(DEFAULT_OUTPUT_TOKENS, maxTokens), maxTokens };
}
