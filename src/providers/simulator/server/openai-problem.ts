import type { ErrorText } from './error-replies';

/** What is wrong with a request to an OpenAI endpoint. */
export interface OpenAiProblem extends ErrorText {
  /** Default 400. */
  readonly status?: number;
}
