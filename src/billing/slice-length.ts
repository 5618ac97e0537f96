import { TooSlowError } from './bounded-query';

const GROWTH = 4;
/** As many times ninety days become less than a second. */
const MOST_MISSES = 8;

/** How much time one statement reads: more while the database is quick, less when it is not. */
export class SliceLength {
  private misses = 0;

  constructor(private length: number) {}

  get ms(): number {
    return this.length;
  }

  /** A part of it was read, and that was all that was wanted. */
  sufficed(): void {
    this.misses = 0;
  }

  /** A slice of this length was read to its end in so long, of what was allowed. */
  took(ms: number, limitMs: number): void {
    this.sufficed();
    if (ms * GROWTH < limitMs) this.length *= GROWTH;
  }

  /** It took longer than allowed. Throws `TooSlowError` when no length helps. */
  missed(): void {
    this.misses += 1;
    if (this.misses > MOST_MISSES) throw new TooSlowError();
    this.length = Math.ceil(this.length / (GROWTH * GROWTH));
  }
}
