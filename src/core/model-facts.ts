export const MODEL_CAPABILITIES = ['tools', 'vision', 'structured_outputs', 'reasoning', 'prompt_caching'] as const;

/** What a model can do beyond writing text. */
export type ModelCapability = (typeof MODEL_CAPABILITIES)[number];

/** What is known of a model beside its price. Null: nobody says, and nothing may be assumed. */
export interface ModelFacts {
  /** Tokens of the prompt and the answer together. */
  readonly contextWindow: number | null;
  /** The longest answer, reasoning included. */
  readonly maxOutputTokens: number | null;
  readonly capabilities: readonly ModelCapability[] | null;
}

export const NO_FACTS: ModelFacts = Object.freeze({ contextWindow: null, maxOutputTokens: null, capabilities: null });
