import fc from 'fast-check';
import { IDENTITY } from '../testing/usage-fixtures';
import { BudgetSnapshot } from './budget-snapshot';
import { fitsPattern } from './model-filter';
import { termsOf } from './testing/budget-fixtures';

describe('which budgets pay for a call', () => {
  const call = { provider: 'openai', model: 'gpt-4o', requestedModel: 'smart' };

  it('those of every level above the caller, the nearest first, and of nobody else', () => {
    const snapshot = new BudgetSnapshot([
      termsOf('all', { scope: 'organization', scopeId: null }),
      termsOf('department', { scope: 'department', scopeId: 'dep_1' }),
      termsOf('team', { scope: 'team', scopeId: 'team_1', hard: false }),
      termsOf('user', { scope: 'user', scopeId: 'user_1' }),
      termsOf('key', { scope: 'key', scopeId: 'key_1' }),
      termsOf('other', { scope: 'key', scopeId: 'key_2' }),
    ]);
    const { hard, soft } = snapshot.payers(IDENTITY, call);
    expect(hard.map(({ id }) => id)).toEqual(['key', 'user', 'department', 'all']);
    expect(soft.map(({ id }) => id)).toEqual(['team']);
    const nobody = { ...IDENTITY, userId: null };
    expect(snapshot.payers(nobody, call).hard.map(({ id }) => id)).toEqual(['key', 'department', 'all']);
  });

  it.each([
    [['gpt-4o'], true],
    [['gpt-*'], true],
    [['openai/*'], true],
    [['smart'], true],
    [['claude-*', 'o1'], false],
    [['*4o*mini'], false],
  ])('models %j count this call: %s', (models, expected) => {
    const snapshot = new BudgetSnapshot([termsOf('team', { models })]);
    expect(snapshot.payers(IDENTITY, call).hard).toHaveLength(expected ? 1 : 0);
  });

  it('patterns fit as the regular expression they stand for', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (written, name) => {
        const expression = new RegExp(`^${written.replaceAll('*', '.*')}$`);
        return fitsPattern(written, name) === expression.test(name);
      }),
      { numRuns: 5_000 },
    );
  });
});
