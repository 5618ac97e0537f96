import fc from 'fast-check';
import { SlotShares } from './slot-shares';

const KEY = 's:team:t';

describe('SlotShares', () => {
  it('never let more calls run than the bound, however they were spread when the store went away', () => {
    const step = fc.record({ replica: fc.nat(), isEnd: fc.boolean() });
    let [begun, uneven] = [0, 0];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 80, size: 'max' }),
        fc.array(step, { maxLength: 120, size: 'max' }),
        (limit, members, before, after) => {
          const held = Array.from({ length: members }, () => 0);
          const shares = held.map(() => new SlotShares());
          const running = (): number => held.reduce((sum, count) => sum + count, 0);
          for (const { replica, isEnd } of before) {
            const at = replica % members;
            if (isEnd && held[at]! > 0) held[at]! -= 1;
            else if (!isEnd && running() < limit) held[at]! += 1;
            for (const [index, share] of shares.entries()) share.observe(KEY, running(), held[index]!, 0);
          }
          if (held.some((count) => count > limit / members)) uneven += 1;
          for (const { replica, isEnd } of after) {
            const at = replica % members;
            if (isEnd && held[at]! > 0) held[at]! -= 1;
            else if (!isEnd && shares[at]!.room({ key: KEY, limit }, held[at]!, members, 1_000) > 0) {
              held[at]! += 1;
              begun += 1;
            }
            expect(running()).toBeLessThanOrEqual(limit);
          }
        },
      ),
      { numRuns: 1_000 },
    );
    expect(begun).toBeGreaterThan(1_000);
    expect(uneven).toBeGreaterThan(100);
  });

  it('grants an equal part where nothing is known, and again a minute after the store was heard', () => {
    const shares = new SlotShares();
    const slot = { key: KEY, limit: 9 };
    expect(shares.room(slot, 1, 3, 0)).toBe(2);
    shares.observe(KEY, 9, 1, 0);
    expect(shares.room(slot, 1, 3, 60_000)).toBe(0);
    expect(shares.room(slot, 1, 3, 60_001)).toBe(2);
  });

  it('forgets those heard of first beyond its cap', () => {
    const shares = new SlotShares();
    for (let index = 0; index <= 10_000; index += 1) shares.observe(`s:key:${index}`, 3, 0, 0);
    expect(shares.room({ key: 's:key:0', limit: 3 }, 0, 3, 0)).toBe(1);
    expect(shares.room({ key: 's:key:1', limit: 3 }, 0, 3, 0)).toBe(0);
  });
});
