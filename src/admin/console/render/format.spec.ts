import { changeOf, showMs, showShare, showUsd } from './format';
import { sparklineOf } from './sparkline';

describe('what figures look like', () => {
  it.each([
    [0n, '$0'],
    [1n, '<$0.000001'],
    [54_200n, '$0.0000542'],
    [12_400_000n, '$0.0124'],
    [1_500_000_000n, '$1.50'],
    [1_234_567_890_000n, '$1,234.57'],
    [-12_400_000n, '−$0.0124'],
  ])('%s nano-dollars are %s', (amount, text) => expect(showUsd(amount)).toBe(text));

  it.each([
    [null, '–'],
    [0.42, '0.4 ms'],
    [771.4, '771 ms'],
    [1_234, '1.23 s'],
    [61_000, '61.0 s'],
  ])('%s ms are %s', (ms, text) => expect(showMs(ms)).toBe(text));

  it('compares with the period before', () => {
    expect(changeOf(110, 100)).toEqual({ text: '10%', direction: 'up' });
    expect(changeOf(50, 100)).toEqual({ text: '50%', direction: 'down' });
    expect(changeOf(100, 100)).toEqual({ text: 'no change', direction: 'flat' });
    expect(changeOf(5, 0)).toBeNull();
    expect(showShare(1, 0)).toBe('–');
  });

  it('draws no line where there is nothing', () => {
    expect(sparklineOf([0, 0, 0])).toBe('');
    expect(sparklineOf([0, 1])).toBe('M0 26L120 2');
  });
});
