import { boundedRun } from './bounded-run';

describe('a bounded run', () => {
  it('gives back what the work came to, or throws what it threw', () => {
    expect(boundedRun(() => ({ answer: 42 }), 1_000)).toEqual({ answer: 42 });
    expect(() =>
      boundedRun(() => {
        throw new TypeError('mine');
      }, 1_000),
    ).toThrow('mine');
  });

  it('ends a regular expression that would go on for years', () => {
    const text = 'a'.repeat(40);
    expect(() => boundedRun(() => /^(a+)+b$/.test(text), 50)).toThrow(/timed out/);
    expect(boundedRun(() => 1, 1_000)).toBe(1);
  });
});
