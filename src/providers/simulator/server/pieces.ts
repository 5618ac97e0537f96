import { estimateTokens } from '../../../core/tokens';

/** Word-like runs with their leading space, short enough to look like tokens; never splits a surrogate pair. */
const PIECE = /\s*(?:[\p{L}\p{N}_]{1,12}|[^\p{L}\p{N}_\s]{1,4})|\s+/gu;

/** The text in the portions in which a model would stream it. Joined they are the text. */
export const piecesOf = (text: string): string[] => text.match(PIECE) ?? [];

export interface CutText {
  readonly text: string;
  readonly stopSequence: string | null;
  readonly truncated: boolean;
}

/** Ends the text before the first stop sequence and within the number of tokens. */
export function cutText(text: string, stop: readonly string[], maxTokens: number | null): CutText {
  let end = text.length;
  let stopSequence: string | null = null;
  for (const sequence of stop) {
    const at = sequence === '' ? -1 : text.indexOf(sequence);
    if (at >= 0 && at < end) {
      end = at;
      stopSequence = sequence;
    }
  }
  const stopped = text.slice(0, end);
  if (maxTokens === null || estimateTokens(stopped) <= maxTokens)
    return { text: stopped, stopSequence, truncated: false };
  return { text: longestPrefix(stopped, maxTokens), stopSequence: null, truncated: true };
}

function longestPrefix(text: string, maxTokens: number): string {
  const pieces = piecesOf(text);
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (estimateTokens(pieces.slice(0, middle).join('')) <= maxTokens) low = middle;
    else high = middle - 1;
  }
  return pieces.slice(0, low).join('');
}

/** Joins neighbours so that one event carries several words, as Anthropic streams do. */
export function regroup(pieces: readonly string[], sizes: () => number): string[] {
  const groups: string[] = [];
  let index = 0;
  while (index < pieces.length) {
    const size = Math.max(1, sizes());
    groups.push(pieces.slice(index, index + size).join(''));
    index += size;
  }
  return groups;
}
