import type { JsonObject } from './loose-json';

export function strictAnthropicProblem(_body: JsonObject): string | null {
  return null;
}
