import * as fc from 'fast-check';
import { costOf, tierFor, worstCaseCost, type ModelPrice, type PriceTier } from './model-price';
import type { TokenUsage } from '../core/tokens';

/** An exact fraction: the oracle knows nothing of pico or nano until it compares. */
interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const add = (a: Rational, b: Rational): Rational => ({
  numerator: a.numerator * b.denominator + b.numerator * a.denominator,
  denominator: a.denominator * b.denominator,
});

const RUNS = Number(process.env['PRICE_RUNS'] ?? 100_000);
const pico = fc.bigInt({ min: 0n, max: 1_000_000_000n });
const tokens = fc.nat({ max: 5_000_000 });

const unitPrices = fc.record({
  input: pico,
  cacheRead: pico,
  cacheWrite5m: pico,
  cacheWrite1h: pico,
  inputAudio: pico,
  output: pico,
  reasoning: pico,
  outputAudio: pico,
});

const price: fc.Arbitrary<ModelPrice> = fc
  .record({
    base: unitPrices,
    upper: fc.array(fc.record({ above: tokens, prices: unitPrices }), { maxLength: 2 }),
    webSearch: pico,
    request: pico,
  })
  .map(({ base, upper, webSearch, request }) => ({
    id: 'x',
    source: 'catalogue' as const,
    tiers: [
      { aboveInputTokens: -1, ...base },
      ...upper
        .sort((a, b) => a.above - b.above)
        .map((tier): PriceTier => ({ aboveInputTokens: tier.above, ...tier.prices })),
    ],
    webSearch,
    request,
  }));

const usage: fc.Arbitrary<TokenUsage> = fc
  .record({
    fresh: tokens,
    cacheReadTokens: tokens,
    cacheWrite5mTokens: tokens,
    cacheWrite1hTokens: tokens,
    inputAudioTokens: tokens,
    text: tokens,
    reasoningTokens: tokens,
    outputAudioTokens: tokens,
    webSearches: fc.nat({ max: 50 }),
  })
  .map(({ fresh, text, ...parts }) => ({
    ...parts,
    inputTokens:
      fresh + parts.cacheReadTokens + parts.cacheWrite5mTokens + parts.cacheWrite1hTokens + parts.inputAudioTokens,
    outputTokens: text + parts.reasoningTokens + parts.outputAudioTokens,
  }));

const IN_PARTS = ['cacheReadTokens', 'cacheWrite5mTokens', 'cacheWrite1hTokens', 'inputAudioTokens'] as const;
const OUT_PARTS = ['reasoningTokens', 'outputAudioTokens'] as const;

/** Dollars, exactly: every kind of token at its price in USD per million tokens. */
function dollars(model: ModelPrice, used: TokenUsage): Rational {
  const tier = model.tiers.toReversed().find((one) => used.inputTokens > one.aboveInputTokens) ?? model.tiers[0];
  const total = { input: used.inputTokens, output: used.outputTokens };
  for (const part of IN_PARTS) total.input -= used[part];
  for (const part of OUT_PARTS) total.output -= used[part];
  const lines: [number, bigint][] = [
    [total.input, tier.input],
    [used.cacheReadTokens, tier.cacheRead],
    [used.cacheWrite5mTokens, tier.cacheWrite5m],
    [used.cacheWrite1hTokens, tier.cacheWrite1h],
    [used.inputAudioTokens, tier.inputAudio],
    [total.output, tier.output],
    [used.reasoningTokens, tier.reasoning],
    [used.outputAudioTokens, tier.outputAudio],
    [used.webSearches, model.webSearch],
    [1, model.request],
  ];
  return lines
    .map(([count, unit]): Rational => ({ numerator: BigInt(count) * unit, denominator: 10n ** 12n }))
    .reduce(add, { numerator: 0n, denominator: 1n });
}

describe('cost', () => {
  it(`is the exact amount, rounded up by less than a nano-dollar (${RUNS} cases)`, () => {
    fc.assert(
      fc.property(price, usage, (model, used) => {
        const exact = dollars(model, used);
        // In nano-dollars: 0 <= cost - exact < 1.
        const difference = costOf(model, used) * exact.denominator - exact.numerator * 10n ** 9n;
        return difference >= 0n && difference < exact.denominator;
      }),
      { numRuns: RUNS },
    );
  });

  it('is never above the worst case for its size, web searches aside', () => {
    fc.assert(
      fc.property(price, usage, (model, used) => {
        const quiet = { ...used, webSearches: 0 };
        return costOf(model, quiet) <= worstCaseCost(model, used.inputTokens, used.outputTokens, 1);
      }),
      { numRuns: 10_000 },
    );
  });

  it('bounds a shorter prompt too: the reservation grows with the prompt', () => {
    fc.assert(
      fc.property(price, tokens, tokens, (model, a, b) => {
        const [small, large] = a < b ? [a, b] : [b, a];
        return worstCaseCost(model, small, 10, 1) <= worstCaseCost(model, large, 10, 1);
      }),
    );
  });

  it('survives figures that no provider should send', () => {
    const odd = fc.oneof(fc.integer(), fc.double(), fc.constant(NaN), fc.constant(Infinity), fc.constant(-1));
    fc.assert(
      fc.property(price, odd, odd, odd, (model, input, cached, output) => {
        const cost = costOf(model, {
          inputTokens: input,
          cacheReadTokens: cached,
          cacheWrite5mTokens: 0,
          cacheWrite1hTokens: 0,
          inputAudioTokens: 0,
          outputTokens: output,
          reasoningTokens: 0,
          outputAudioTokens: 0,
          webSearches: 0,
        });
        return typeof cost === 'bigint' && cost >= 0n;
      }),
    );
  });

  it('chooses the tier by the size of the prompt, the bound itself excluded', () => {
    const tier = (aboveInputTokens: number): PriceTier => ({
      aboveInputTokens,
      input: 1n,
      cacheRead: 1n,
      cacheWrite5m: 1n,
      cacheWrite1h: 1n,
      inputAudio: 1n,
      output: 1n,
      reasoning: 1n,
      outputAudio: 1n,
    });
    const model: ModelPrice = {
      id: 'x',
      source: 'catalogue',
      tiers: [tier(-1), tier(200_000)],
      webSearch: 0n,
      request: 0n,
    };
    expect(tierFor(model, 200_000).aboveInputTokens).toBe(-1);
    expect(tierFor(model, 200_001).aboveInputTokens).toBe(200_000);
  });
});
