import { contextWindowOf, mayHaveMoreRoom } from './model-window';

describe('the context windows of models', () => {
  it('come from the price list, dated names included', () => {
    expect(contextWindowOf('gpt-4o')).toBe(128_000);
    expect(contextWindowOf('gpt-4o-2024-08-06')).toBe(128_000);
    expect(contextWindowOf('claude-sonnet-4-20250514')).toBe(200_000);
    expect(contextWindowOf('a-model-of-our-own')).toBeNull();
  });

  it('tell who may have more room', () => {
    expect(mayHaveMoreRoom('gpt-4o', 'claude-sonnet-4-20250514')).toBe(true);
    expect(mayHaveMoreRoom('claude-sonnet-4-20250514', 'gpt-4o')).toBe(false);
    expect(mayHaveMoreRoom('gpt-4o', 'gpt-4o')).toBe(false);
    expect(mayHaveMoreRoom('gpt-4o', 'gpt-4o-mini')).toBe(false);
    expect(mayHaveMoreRoom('a-model-of-our-own', 'gpt-4o')).toBe(true);
    expect(mayHaveMoreRoom('gpt-4o', 'a-model-of-our-own')).toBe(true);
  });
});
