import type { Answer } from './answer';
import type { JsonObject } from './loose-json';
import type { Prompt } from './prompt';
import type { Random } from './random';

/** How many of the input tokens were read from, or written to, the prompt cache. */
export interface InputCaching {
  readonly cachedTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
}

export const NO_CACHING: InputCaching = Object.freeze({ cachedTokens: 0, write5mTokens: 0, write1hTokens: 0 });

/** One call that will be answered: all that a dialect needs to write the answer. */
export interface Turn {
  readonly prompt: Prompt;
  readonly body: JsonObject;
  readonly answers: readonly Answer[];
  readonly caching: InputCaching;
  /** For identifiers, padding and the like; differs from call to call. */
  readonly random: Random;
  /** For how the text is cut into events: the same for the same request. */
  readonly rhythm: Random;
  readonly nowMs: number;
  /** Every usage figure is multiplied by this: a provider that bills wrongly. 1 is honest. */
  readonly billFactor: number;
  /** The usage is left out of the answer. */
  readonly hideUsage: boolean;
  /** A stream's first usage reports half of the input. */
  readonly lateInput: boolean;
}

export const outputTokensOfTurn = (turn: Turn): number =>
  turn.answers.reduce((sum, answer) => sum + answer.outputTokens, 0);

export const hiddenTokensOfTurn = (turn: Turn): number =>
  turn.answers.reduce((sum, answer) => sum + answer.hiddenReasoningTokens, 0);
