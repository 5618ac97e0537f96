import type { Identity } from '../core/context';

/**
 * True when every level that restricts models allows at least one of `names`: the different names of one model
 * (`gpt-4o`, `openai/gpt-4o`). `*` in a pattern stands for any characters, also none.
 */
export function modelAllowed(identity: Pick<Identity, 'allowedModels'>, names: readonly string[]): boolean {
  const lists = identity.allowedModels;
  return lists === null || lists.every((list) => list.some((pattern) => names.some((name) => matches(pattern, name))));
}

/** Linear in the length of the name for each part of the pattern; no regular expression, so no pattern is a trap. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return pattern === name;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let from = first.length;
  const end = name.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const at = name.indexOf(part, from);
    if (at < 0 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
