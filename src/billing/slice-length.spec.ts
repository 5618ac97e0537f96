import { SliceLength } from './slice-length';
import { TooSlowError } from './bounded-query';

describe('the length of a slice', () => {
  it('grows while there is time to spare, and shrinks when there was not enough', () => {
    const length = new SliceLength(3_600_000);
    length.took(200, 1_000);
    expect(length.ms).toBe(4 * 3_600_000);
    length.took(300, 1_000);
    expect(length.ms).toBe(4 * 3_600_000);
    length.missed();
    expect(length.ms).toBe(3_600_000 / 4);
  });

  it('gives up after misses in a row only', () => {
    const length = new SliceLength(3_600_000);
    const miss = (): void => {
      for (let tries = 0; tries < 8; tries += 1) length.missed();
    };
    miss();
    length.sufficed();
    miss();
    expect(length.ms).toBe(1);
    expect(() => length.missed()).toThrow(TooSlowError);
  });
});
