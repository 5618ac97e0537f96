import fc from 'fast-check';
import { modelAllowed } from '../../access';
import type { Limits } from '../../core/context';
import { PermissionDeniedError } from '../../core/errors';
import { requireWithin, type Grant, type Reach } from './grants';

const FIELDS = ['requestsPerMinute', 'tokensPerMinute', 'maxConcurrency'] as const;
const MODELS = ['gpt-4o', 'gpt-4o-mini', 'gpt-5', 'openai/gpt-4o', 'claude-sonnet-4', 'claude-3', 'x', '', 'a*b'];

const limit = fc.option(fc.constantFrom(1, 2, 5, 10), { nil: undefined });
const limits: fc.Arbitrary<Limits> = fc
  .record({ requestsPerMinute: limit, tokensPerMinute: limit, maxConcurrency: limit })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Limits);
const pattern = fc.oneof(
  fc.constantFrom('*', 'gpt-*', 'gpt-4o*', '*mini', 'openai/*', 'claude-*', 'gpt-4o', 'claude-3', 'a*b', '*-*'),
  fc.string({ unit: fc.constantFrom('a', 'g', '*', '-'), maxLength: 4 }),
);
const models = fc.array(pattern, { minLength: 1, maxLength: 3 });
const reach: fc.Arbitrary<Reach> = fc.record({
  limits: fc.array(limits, { maxLength: 2 }),
  models: fc.array(models, { maxLength: 2 }),
});
const grant: fc.Arbitrary<Grant> = fc.record({
  limits: fc.option(limits, { nil: null }),
  allowedModels: fc.option(models, { nil: null }),
  above: reach,
});

/** What can be used in the end, by enumeration: the oracle knows no patterns of patterns. */
const usable = (lists: Reach['models'], names: readonly string[]): string[] =>
  names.filter((name) => modelAllowed({ allowedModels: lists }, [name]));
const most = (all: readonly Limits[], field: keyof Limits): number =>
  Math.min(Infinity, ...all.map((each) => each[field] ?? Infinity));
const isGranted = (giver: Reach, given: Grant): boolean => {
  try {
    requireWithin(giver, given);
    return true;
  } catch (error) {
    if (error instanceof PermissionDeniedError) return false;
    throw error;
  }
};
const withAbove = ({ limits, allowedModels, above }: Grant): Reach => ({
  limits: limits === null ? above.limits : [...above.limits, limits],
  models: allowedModels === null ? above.models : [...above.models, allowedModels],
});

describe('requireWithin', () => {
  it('never lets a grant reach further than its giver', () => {
    let granted = 0;
    fc.assert(
      fc.property(
        reach,
        grant,
        fc.array(fc.string({ unit: fc.constantFrom('a', 'g', '-', '*'), maxLength: 6 })),
        (giver, given, words) => {
          if (!isGranted(giver, given)) return;
          granted += 1;
          const effective = withAbove(given);
          for (const field of FIELDS)
            expect(most(effective.limits, field)).toBeLessThanOrEqual(most(giver.limits, field));
          const names = [...MODELS, ...words];
          const allowed = new Set(usable(giver.models, names));
          for (const name of usable(effective.models, names)) expect(allowed).toContain(name);
        },
      ),
      { numRuns: 5_000 },
    );
    expect(granted).toBeGreaterThan(200);
  });

  it('lets everybody give what they have, and less', () => {
    fc.assert(
      fc.property(reach, (giver) => {
        expect(isGranted(giver, { limits: null, allowedModels: null, above: giver })).toBe(true);
        const [first] = giver.models;
        if (giver.models.length <= 1 && first) {
          expect(isGranted(giver, { limits: null, allowedModels: [first[0] ?? ''], above: giver })).toBe(true);
        }
      }),
    );
  });

  it.each<[string, Reach, Omit<Grant, 'above'>]>([
    [
      'a higher limit',
      { limits: [{ requestsPerMinute: 5 }], models: [] },
      { limits: { requestsPerMinute: 6 }, allowedModels: null },
    ],
    ['no limit', { limits: [{ maxConcurrency: 5 }], models: [] }, { limits: null, allowedModels: null }],
    ['a wider pattern', { limits: [], models: [['gpt-4o*']] }, { limits: null, allowedModels: ['gpt-*'] }],
    ['everything', { limits: [], models: [['gpt-4o*']] }, { limits: null, allowedModels: null }],
    ['one more', { limits: [], models: [['a', 'b']] }, { limits: null, allowedModels: ['a', 'c'] }],
  ])('refuses %s', (_, giver, given) => {
    expect(isGranted(giver, { ...given, above: { limits: [], models: [] } })).toBe(false);
  });
});
