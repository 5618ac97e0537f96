import { memoized } from './memoized';

describe('memoized', () => {
  it('asks once for a short text, and each time for a long one', () => {
    const make = jest.fn((text: string) => text.toUpperCase());
    const upper = memoized(make);
    expect([upper('a'), upper('a'), upper('b')]).toEqual(['A', 'A', 'B']);
    expect(make).toHaveBeenCalledTimes(2);
    const long = 'x'.repeat(200);
    expect([upper(long), upper(long)]).toEqual([long.toUpperCase(), long.toUpperCase()]);
    expect(make).toHaveBeenCalledTimes(4);
  });

  it('forgets rather than grow without end', () => {
    const make = jest.fn(String);
    const same = memoized(make);
    for (let index = 0; index < 5_000; index += 1) same(`text ${index}`);
    same('text 0');
    expect(make).toHaveBeenCalledTimes(5_001);
  });
});
