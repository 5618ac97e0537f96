import { nearestName } from './nearest-name';

describe('nearestName', () => {
  it.each([
    ['apikey', 'api_key'],
    ['prot', 'port'],
    ['modles', 'models'],
    ['MODELS', 'models'],
  ])('takes %s for %s', (word, meant) => {
    expect(nearestName(word, ['port', 'models', 'api_key'])).toBe(meant);
  });

  it('does not guess wildly', () => {
    expect(nearestName('zebra', ['port', 'models'])).toBeNull();
    expect(nearestName('x'.repeat(10_000), ['x'])).toBeNull();
  });
});
