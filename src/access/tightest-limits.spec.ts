import { tightestLimits } from './tightest-limits';

describe('the tightest of two sets of limits', () => {
  it('is the lower of each kind, whoever sets it', () => {
    expect(tightestLimits(null, null)).toBeNull();
    expect(tightestLimits({ requestsPerMinute: 5 }, null)).toEqual({ requestsPerMinute: 5 });
    expect(tightestLimits(null, { requestsPerMinute: 5 })).toEqual({ requestsPerMinute: 5 });
    expect(
      tightestLimits(
        { requestsPerMinute: 5, tokensPerMinute: 10 },
        { requestsPerMinute: 7, tokensPerMinute: 3, maxConcurrency: 2 },
      ),
    ).toEqual({ requestsPerMinute: 5, tokensPerMinute: 3, maxConcurrency: 2 });
  });
});
