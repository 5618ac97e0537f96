import fc from 'fast-check';
import { RetryBudget } from './retry-budget';

describe('RetryBudget (UPS-5)', () => {
  it('grants a place exactly when fewer than max(3, 20 % of the running requests) are taken', () => {
    const step = fc.constantFrom('enter', 'enter', 'enter', 'leave', 'take', 'give', 'give-twice');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const budget = new RetryBudget();
        const running: (() => void)[] = [];
        const taken: (() => void)[] = [];
        for (const action of steps) {
          if (action === 'enter') running.push(budget.enter());
          if (action === 'leave') running.pop()?.();
          if (action === 'take') {
            const isFree = taken.length < Math.max(3, Math.floor(running.length / 5));
            const place = budget.take();
            expect(place !== null).toBe(isFree);
            if (place) taken.push(place);
          }
          if (action.startsWith('give')) {
            const place = taken.pop();
            place?.();
            if (action === 'give-twice') place?.();
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
