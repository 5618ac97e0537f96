const MAX_KNOWN = 4_096;
const MAX_LENGTH = 128;

/** The same function of a text, which remembers the few thousand short texts it sees again and again; all are forgotten together. */
export function memoized(make: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = make(text);
    if (text.length > MAX_LENGTH) return made;
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(text, made);
    return made;
  };
}
