import type { UsageRequest } from '../../../billing';
import { traceOf } from './request-trace';

describe('the trace of a request', () => {
  it('shows amounts and times with their units, and what is neither as it was recorded', () => {
    const facts = { cost_usd: 0.25, left_usd: '0.10', held_usd: 'unknown', retryAfterMs: 1_500, scope: 'team' };
    const decisions = [{ atMs: 1, stage: 'budget', what: 'reserved', facts }];
    const request = { startedAt: new Date(0), latencyMs: 5, decisions } as unknown as UsageRequest;
    const [step] = traceOf(request, []).steps;
    expect(step?.facts).toEqual([
      { name: 'cost', value: '$0.25' },
      { name: 'left', value: '$0.10' },
      { name: 'held', value: 'unknown' },
      { name: 'retry after', value: '1.50 s' },
      { name: 'scope', value: 'team' },
    ]);
  });
});
