import { NO_USAGE, type TokenUsage } from '../../core/tokens';
import { costOf, worstCaseCost } from '../model-price';
import { overridePrice } from './override-price';

/** Every kind has its own prime, so that a kind charged at another's price shows. */
const PRICE = overridePrice('m', {
  input: '2',
  output: '3',
  cache_read: '5',
  cache_write_5m: '7',
  cache_write_1h: '11',
  reasoning: '13',
  input_audio: '17',
  output_audio: '19',
  input_image: '23',
  output_image: '29',
  web_searches_per_thousand: '31',
  requests_per_thousand: '37',
  long_context: [{ above_input_tokens: 1_000, input: '41', output: '43' }],
  service_tiers: { priority: { input: '47', output: '53', reasoning: '59' }, flex: { output: '1' } },
});

const MILLION = 1_000_000;
const cost = (usage: Partial<TokenUsage>): bigint => costOf(PRICE, { ...NO_USAGE, ...usage });

describe('what is charged', () => {
  const FEE = 37_000_000n;
  const usd = (dollars: number): bigint => BigInt(dollars) * 1_000_000_000n + FEE;
  // A prompt of a thousand tokens is not long: amounts are a thousandth.
  const millis = (thousandths: number): bigint => BigInt(thousandths) * 1_000_000n + FEE;

  it.each([
    ['prompt tokens', { inputTokens: 1_000 }, 2],
    ['cache reads', { inputTokens: 1_000, cacheReadTokens: 1_000 }, 5],
    ['cache writes for five minutes', { inputTokens: 1_000, cacheWrite5mTokens: 1_000 }, 7],
    ['cache writes for an hour', { inputTokens: 1_000, cacheWrite1hTokens: 1_000 }, 11],
    ['audio of the prompt', { inputTokens: 1_000, inputAudioTokens: 1_000 }, 17],
    ['images of the prompt', { inputTokens: 1_000, inputImageTokens: 1_000 }, 23],
    ['answer tokens', { outputTokens: 1_000 }, 3],
    ['reasoning', { outputTokens: 1_000, reasoningTokens: 1_000 }, 13],
    ['audio of the answer', { outputTokens: 1_000, outputAudioTokens: 1_000 }, 19],
    ['images of the answer', { outputTokens: 1_000, outputImageTokens: 1_000 }, 29],
    ['web searches', { webSearches: 1 }, 31],
    ['a mixture', { inputTokens: 1_000, cacheReadTokens: 400, outputTokens: 1_000, reasoningTokens: 500 }, 11.2],
  ])('%s', (_, usage, thousandths) => {
    expect(cost(usage)).toBe(BigInt(Math.round(thousandths * 1_000_000)) + FEE);
  });

  it('long prompts cost their own price, for all of their tokens; kinds that it does not name stay', () => {
    expect(cost({ inputTokens: 1_000 })).toBe(millis(2));
    expect(cost({ inputTokens: MILLION })).toBe(usd(41));
    expect(cost({ inputTokens: MILLION, outputTokens: MILLION })).toBe(usd(84));
    expect(cost({ inputTokens: MILLION, cacheReadTokens: MILLION })).toBe(usd(5));
  });

  it('service tiers cost their own price; one without a price of its own costs the ordinary one', () => {
    expect(cost({ inputTokens: 1_000, serviceTier: 'priority' })).toBe(millis(47));
    expect(cost({ outputTokens: 1_000, reasoningTokens: 1_000, serviceTier: 'priority' })).toBe(millis(59));
    expect(cost({ outputTokens: 1_000, serviceTier: 'flex' })).toBe(millis(1));
    for (const serviceTier of ['default', 'scale', 'constructor', '__proto__', ''])
      expect(cost({ outputTokens: 1_000, serviceTier })).toBe(millis(3));
  });

  it('a reservation covers the tier asked for and the ordinary one', () => {
    const bound = worstCaseCost(PRICE, 1_000, 1_000, 1, 'priority');
    for (const serviceTier of ['priority', 'default'])
      expect(bound).toBeGreaterThanOrEqual(
        cost({ inputTokens: 1_000, outputTokens: 1_000, outputImageTokens: 1_000, serviceTier }),
      );
    expect(bound).toBeGreaterThan(worstCaseCost(PRICE, 1_000, 1_000, 1));
  });

  it('a kind without a price of its own follows its parent, in every tier', () => {
    const { tiers, serviceTiers } = overridePrice('m', {
      input: '1',
      output: '2',
      service_tiers: { fast: { input: '6', output: '12' } },
    });
    expect(tiers[0]).toMatchObject({ cacheRead: 1_000_000n, cacheWrite1h: 1_000_000n, reasoning: 2_000_000n });
    expect(serviceTiers?.['fast']?.[0]).toMatchObject({ inputImage: 6_000_000n, reasoning: 12_000_000n });
  });
});
