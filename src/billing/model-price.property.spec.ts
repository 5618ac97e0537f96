import * as fc from 'fast-check';
import { guarantee } from '../../test/support/guarantee';
import { costOf, tierFor, worstCaseCost, type ModelPrice, type PriceTier, type PriceTiers } from './model-price';
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

const RUNS = Number(process.env['PRICE_RUNS'] ?? 20_000);
const SEED = Number(process.env['PRICE_SEED'] ?? Date.now() % 2_147_483_647);
const pico = fc.bigInt({ min: 0n, max: 1_000_000_000n });
const tokens = fc.nat({ max: 5_000_000 });

const unitPrices = fc.record({
  input: pico,
  cacheRead: pico,
  cacheWrite5m: pico,
  cacheWrite1h: pico,
  inputAudio: pico,
  inputImage: pico,
  output: pico,
  reasoning: pico,
  outputAudio: pico,
  outputImage: pico,
});

const tiers = fc
  .record({ base: unitPrices, upper: fc.array(fc.record({ above: tokens, prices: unitPrices }), { maxLength: 2 }) })
  .map(({ base, upper }): PriceTiers => [
    { aboveInputTokens: -1, ...base },
    ...upper
      .sort((a, b) => a.above - b.above)
      .map((tier): PriceTier => ({ aboveInputTokens: tier.above, ...tier.prices })),
  ]);

const price: fc.Arbitrary<ModelPrice> = fc
  .record({
    ordinary: tiers,
    priority: tiers,
    webSearch: pico,
    request: pico,
  })
  .map(({ ordinary, priority, webSearch, request }) => ({
    id: 'x',
    source: 'catalogue' as const,
    tiers: ordinary,
    serviceTiers: { priority },
    webSearch,
    request,
  }));

const IN_PARTS = [
  'cacheReadTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
  'inputAudioTokens',
  'inputImageTokens',
] as const;
const OUT_PARTS = ['reasoningTokens', 'outputAudioTokens', 'outputImageTokens'] as const;

const usage: fc.Arbitrary<TokenUsage> = fc
  .record({
    fresh: tokens,
    cacheReadTokens: tokens,
    cacheWrite5mTokens: tokens,
    cacheWrite1hTokens: tokens,
    inputAudioTokens: tokens,
    inputImageTokens: tokens,
    text: tokens,
    reasoningTokens: tokens,
    outputAudioTokens: tokens,
    outputImageTokens: tokens,
    tier: fc.constantFrom(undefined, 'default', 'priority', 'flex'),
    webSearches: fc.nat({ max: 50 }),
  })
  .map(({ fresh, text, tier, ...parts }) => ({
    ...parts,
    inputTokens: IN_PARTS.reduce((sum, part) => sum + parts[part], fresh),
    outputTokens: OUT_PARTS.reduce((sum, part) => sum + parts[part], text),
    ...(tier === undefined ? {} : { serviceTier: tier }),
  }));

/** Dollars, exactly: every kind of token at its price in USD per million tokens. */
function dollars(model: ModelPrice, used: TokenUsage): Rational {
  const served = used.serviceTier === 'priority' ? (model.serviceTiers?.['priority'] ?? model.tiers) : model.tiers;
  const tier = served.toReversed().find((one) => used.inputTokens > one.aboveInputTokens) ?? served[0];
  const total = { input: used.inputTokens, output: used.outputTokens };
  for (const part of IN_PARTS) total.input -= used[part];
  for (const part of OUT_PARTS) total.output -= used[part];
  const lines: [number, bigint][] = [
    [total.input, tier.input],
    [used.cacheReadTokens, tier.cacheRead],
    [used.cacheWrite5mTokens, tier.cacheWrite5m],
    [used.cacheWrite1hTokens, tier.cacheWrite1h],
    [used.inputAudioTokens, tier.inputAudio],
    [used.inputImageTokens, tier.inputImage],
    [total.output, tier.output],
    [used.reasoningTokens, tier.reasoning],
    [used.outputAudioTokens, tier.outputAudio],
    [used.outputImageTokens, tier.outputImage],
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
      { numRuns: RUNS, seed: SEED },
    );
    guarantee('BUD-6', `${RUNS} costs against exact fractions: each rounded up once, by less than 1 nano-dollar`, SEED);
  });

  it('is never above the worst case for its size, web searches aside', () => {
    fc.assert(
      fc.property(price, usage, (model, used) => {
        const quiet = { ...used, webSearches: 0 };
        return costOf(model, quiet) <= worstCaseCost(model, used.inputTokens, used.outputTokens, 1, used.serviceTier);
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
          inputImageTokens: 0,
          outputTokens: output,
          reasoningTokens: 0,
          outputAudioTokens: 0,
          outputImageTokens: 0,
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
      inputImage: 1n,
      output: 1n,
      reasoning: 1n,
      outputAudio: 1n,
      outputImage: 1n,
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
