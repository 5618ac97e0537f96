/** About as much as providers put into one event. */
const PIECE_CHARS = 24;

/** A text in pieces that end between words where there are words; put together they are the text again. */
export function* pieces(text: string): Generator<string, void> {
  let from = 0;
  while (from < text.length) {
    const to = endOfPiece(text, from);
    yield text.slice(from, to);
    from = to;
  }
}

function endOfPiece(text: string, from: number): number {
  const limit = from + PIECE_CHARS;
  if (limit >= text.length) return text.length;
  const space = text.lastIndexOf(' ', limit);
  if (space > from) return space;
  // Never between the two halves of one character.
  const code = text.charCodeAt(limit);
  return code >= 0xdc00 && code <= 0xdfff ? limit + 1 : limit;
}
