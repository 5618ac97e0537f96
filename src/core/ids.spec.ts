import fc from 'fast-check';
import { newId } from './ids';

describe('newId', () => {
  it('is a prefix and 26 characters, the first ten of which tell the millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.integer({ min: 0, max: 2 ** 48 - 1 }), (one, other) => {
        const [first, second] = [newId('req', one), newId('req', other)];
        expect(first).toMatch(/^req_[0-9a-hjkmnp-tv-z]{26}$/);
        if (one !== other) expect(first < second).toBe(one < other);
      }),
    );
  });

  it('never repeats itself, and draws every character at every place', () => {
    const ids = Array.from({ length: 20_000 }, () => newId('att', 1_763_000_000_000).slice(-16));
    expect(new Set(ids).size).toBe(ids.length);
    for (let place = 0; place < 16; place += 1) {
      const counts = new Map<string, number>();
      for (const id of ids) counts.set(id[place]!, (counts.get(id[place]!) ?? 0) + 1);
      expect(counts.size).toBe(32);
      // 625 are expected of each; ten deviations off is no chance.
      for (const count of counts.values()) expect(Math.abs(count - 625)).toBeLessThan(250);
    }
  });
});
