/** Edits (insert, delete, replace) between two short texts: Levenshtein's distance in one row of memory. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** Longer names are cut before they are compared, so that a hostile one costs nothing. */
const MAX_COMPARED_LENGTH = 64;

/** The names closest to what was asked for, best first. */
export function nearNames(asked: string, names: readonly string[], limit = 3): string[] {
  const wanted = asked.slice(0, MAX_COMPARED_LENGTH).toLowerCase();
  return names
    .map((name) => ({ name, edits: distance(wanted, name.slice(0, MAX_COMPARED_LENGTH).toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits || a.name.localeCompare(b.name))
    .slice(0, limit)
    .map(({ name }) => name);
}
