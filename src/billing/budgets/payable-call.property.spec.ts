import fc from 'fast-check';
import { chatRequest } from '../testing/usage-fixtures';
import { estimateJsonTokens } from '../../core/tokens';
import type { ModelPrice, PriceTier } from '../model-price';
import { inputTokenBound, whyUnbounded } from './input-bound';
import { payableCall } from './payable-call';
import { termsOf } from './testing/budget-fixtures';

const TIER: PriceTier = {
  aboveInputTokens: -1,
  input: 2_500_000n,
  cacheRead: 1_250_000n,
  cacheWrite5m: 2_500_000n,
  cacheWrite1h: 2_500_000n,
  inputAudio: 2_500_000n,
  inputImage: 2_500_000n,
  output: 10_000_000n,
  reasoning: 10_000_000n,
  outputAudio: 10_000_000n,
  outputImage: 10_000_000n,
};
const priceOf = (source: ModelPrice['source']): ModelPrice => ({
  id: 'x',
  source,
  tiers: [TIER],
  webSearch: 0n,
  request: 0n,
});

describe('what a call may cost', () => {
  const intentOf = (maxTokens: number | null, prompt = 'hello') => ({
    index: 1,
    provider: 'openai',
    model: 'gpt-4o',
    request: chatRequest('gpt-4o', prompt, maxTokens),
  });

  it('a shorter answer is the longest that the money buys, and never more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.bigInt(0n, 300_000_000n), (maxTokens, available) => {
        const call = payableCall(intentOf(maxTokens), priceOf('catalogue'), [termsOf('b')]);
        const cost = call.fit(available);
        if (cost === null) return call.outputTokensFor(available) < Math.min(16, maxTokens);
        const tokens = call.outputTokensFor(cost);
        const isLongest = tokens === maxTokens || cost + 10_000n > available;
        return cost <= available && cost <= call.amountNanoUsd && isLongest;
      }),
      { numRuns: 2_000 },
    );
  });

  it('no text has more tokens than the bound', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400, unit: 'grapheme' }), (prompt) => {
        const request = chatRequest('gpt-4o', prompt);
        return inputTokenBound(request) >= estimateJsonTokens(request.document.value['messages']);
      }),
    );
  });

  it.each(['free', 'estimate'] as const)('a price that is %s is no price under a hard budget', (source) => {
    expect(() => payableCall(intentOf(10), priceOf(source), [termsOf('b')])).toThrow(
      expect.objectContaining({ status: 400, code: 'budget_unpriceable' }),
    );
  });

  it('an ordinary call has a bound', () => {
    expect(whyUnbounded(chatRequest(), priceOf('catalogue'))).toBeNull();
  });
});
