import * as fc from 'fast-check';
import { DURATION_PATTERN, formatDuration, parseDuration } from './duration';

describe('parseDuration', () => {
  it.each([
    ['3s', 3_000],
    ['500ms', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1.5s', 1_500],
    ['0s', 0],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['3', '3 s', '-3s', '3 parsecs', 's', '', '1e3s', '3S', '1d', '٣s', '1s1s', '9'.repeat(40) + 's'])(
    'refuses "%s"',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [90_000, '90s'],
    [120_000, '2m'],
    [600_000, '10m'],
    [1, '1ms'],
  ])('writes %d as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('writes what parseDuration and the schema read back', () => {
    fc.assert(
      fc.property(fc.nat(100_000_000), (milliseconds) => {
        const text = formatDuration(milliseconds);
        expect(parseDuration(text)).toBe(milliseconds);
        expect(text).toMatch(new RegExp(DURATION_PATTERN));
      }),
    );
  });
});
