import type { ErrorText } from './error-replies';
import type { JsonObject } from './loose-json';
import type { Surface } from './prompt';

export interface OpenAiProblem extends ErrorText {
  /** Default 400. */
  readonly status?: number;
}

export function strictOpenAiProblem(_surface: Exclude<Surface, 'messages'>, _body: JsonObject): OpenAiProblem | null {
  return null;
}
