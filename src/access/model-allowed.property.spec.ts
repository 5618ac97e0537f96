import * as fc from 'fast-check';
import { modelAllowed } from './model-allowed';

const allows = (lists: string[][] | null, ...names: string[]): boolean => modelAllowed({ allowedModels: lists }, names);

describe('modelAllowed', () => {
  it.each([
    [null, true],
    [[['gpt-4o']], true],
    [[['gpt-4o-mini']], false],
    [[['gpt-4o*']], true],
    [[['openai/*']], true],
    [[['*/gpt-4o']], true],
    [[['*']], true],
    [[['anthropic/*']], false],
    [[['gpt-4o'], ['*']], true],
    [[['gpt-4o'], ['claude*']], false],
    [[['gpt-4o'], []], false],
  ])('%j allows gpt-4o of openai: %s', (lists, expected) => {
    expect(allows(lists, 'gpt-4o', 'openai/gpt-4o')).toBe(expected);
  });

  it('does not let the ends of a pattern overlap', () => {
    expect(allows([['aba*ba']], 'aba')).toBe(false);
    expect(allows([['aba*ba']], 'ababa')).toBe(true);
    expect(allows([['a*b*b']], 'ab')).toBe(false);
  });

  it('takes everything but the star literally', () => {
    expect(allows([['gpt.4o']], 'gpt-4o')).toBe(false);
    expect(allows([['(a+)+$']], 'aaaa')).toBe(false);
  });

  it('agrees with the obvious regular expression', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 });
    fc.assert(
      fc.property(patterns, letters, (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
        expect(allows([[pattern]], name)).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
  });
});
