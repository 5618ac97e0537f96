/** Stands for a space, also before the first word. */
const SPACE = '\u2581';
/** The id of characters that no piece has. */
export const UNKNOWN = 0;
/** Of the vocabulary's first ids, which stand for no text. */
const RESERVED = 6;
/** What an unknown character costs beyond the rarest piece, so that it is taken only where nothing else fits. */
const UNKNOWN_PENALTY = 10;
/** In the place of an id: pieces begin so, and none ends there. */
const BEGINNING = -1;

/**
 * Cuts a text into the pieces of a unigram language model, so that the product of their probabilities is greatest
 * (Kudo 2018, "Subword regularization"; the Viterbi search of SentencePiece). Time is linear in the text, times how far
 * any piece reads on as the text does.
 */
export class UnigramTokenizer {
  /** Of pieces, and of what pieces begin with: where no piece goes on, none is looked for. */
  private readonly ids = new Map<string, number>();
  private readonly scores: Float64Array;
  private readonly unknownScore: number;

  /** `vocabulary`: each piece with its log probability, by id. */
  constructor(vocabulary: readonly (readonly [string, number])[]) {
    this.scores = Float64Array.from(vocabulary, ([, score]) => score);
    vocabulary.forEach(([piece], id) => {
      if (id >= RESERVED) this.add(piece, id);
    });
    this.unknownScore = this.scores.reduce((least, score) => Math.min(least, score), 0) - UNKNOWN_PENALTY;
  }

  /** The ids of the pieces; consecutive unknown characters are one. Empty for a text of nothing but spaces. */
  encode(text: string): number[] {
    const normal = text.normalize('NFKC').replace(/\s+/g, ' ').trim();
    if (normal === '') return [];
    return this.bestPath(SPACE + normal.replaceAll(' ', SPACE));
  }

  private add(piece: string, id: number): void {
    for (let size = 1; size < piece.length; size += 1) {
      const beginning = piece.slice(0, size);
      if (!this.ids.has(beginning)) this.ids.set(beginning, BEGINNING);
    }
    this.ids.set(piece, id);
  }

  private bestPath(symbols: string): number[] {
    const length = symbols.length;
    const best = new Float64Array(length + 1).fill(-Infinity);
    const from = new Int32Array(length + 1);
    const pieces = new Int32Array(length + 1);
    best[0] = 0;
    for (let start = 0; start < length; start += 1) {
      const soFar = best[start]!;
      if (soFar === -Infinity) continue;
      const step = (size: number, id: number, score: number): void => {
        const end = start + size;
        if (soFar + score <= best[end]!) return;
        best[end] = soFar + score;
        from[end] = start;
        pieces[end] = id;
      };
      for (let size = 1; start + size <= length; size += 1) {
        const id = this.ids.get(symbols.slice(start, start + size));
        if (id === undefined) break;
        if (id !== BEGINNING) step(size, id, this.scores[id]!);
      }
      step(symbols.codePointAt(start)! > 0xffff ? 2 : 1, UNKNOWN, this.unknownScore);
    }
    return this.walkBack(length, from, pieces);
  }

  private walkBack(length: number, from: Int32Array, pieces: Int32Array): number[] {
    const path: number[] = [];
    for (let end = length; end > 0; end = from[end]!) {
      const id = pieces[end]!;
      if (id !== UNKNOWN || path.at(-1) !== UNKNOWN) path.push(id);
    }
    return path.reverse();
  }
}
