import { calcPrice } from '@pydantic/genai-prices';

/** More models than any configuration names. */
const MAX_MODELS = 1_000;
const known = new Map<string, number | null>();

/** How many tokens a model takes in, by the price list that is shipped with the gateway; null when it does not say. */
export function contextWindowOf(model: string): number | null {
  const found = known.get(model);
  if (found !== undefined) return found;
  const window = calcPrice({ input_tokens: 0 }, model)?.model.context_window ?? null;
  if (known.size < MAX_MODELS) known.set(model, window);
  return window;
}

/** Whether a prompt that is too long for one model may fit another: false when that one is known to be no larger. */
export function mayHaveMoreRoom(than: string, model: string): boolean {
  if (than === model) return false;
  const [small, large] = [contextWindowOf(than), contextWindowOf(model)];
  return small === null || large === null || large > small;
}
