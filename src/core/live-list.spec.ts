import fc from 'fast-check';
import { LiveList } from './live-list';

describe('LiveList', () => {
  it('holds what a set of the same would hold', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40 }), { maxLength: 200 }), (steps) => {
        const list = new LiveList<{ readonly id: number }>();
        const model = new Set<object>();
        const leaving: (() => void)[] = [];
        for (const [id, step] of steps.entries()) {
          if (step % 3 !== 0) {
            const value = { id };
            const leave = list.add(value);
            model.add(value);
            leaving.push(() => {
              leave();
              model.delete(value);
            });
          } else leaving[step % Math.max(1, leaving.length)]?.();
          expect(list.size).toBe(model.size);
        }
        expect(new Set(list)).toEqual(model);
      }),
    );
  });

  it('can be emptied while it is walked through', () => {
    const list = new LiveList<string>();
    const leave = ['a', 'b', 'c'].map((name) => list.add(name));
    const seen: string[] = [];
    for (const name of list) {
      seen.push(name);
      for (const go of leave) go();
    }
    expect(seen).toEqual(['a', 'b', 'c']);
    expect([...list]).toEqual([]);
  });
});
