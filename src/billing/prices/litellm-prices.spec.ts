import fc from 'fast-check';
import { fromLiteLlmPrices, scaled } from './litellm-prices';
import { overridePrice } from './override-price';

describe('the import of LiteLLM prices', () => {
  const one = (entry: object) => fromLiteLlmPrices({ m: entry }).prices.get('m');

  it('carries every kind of token over, exactly', () => {
    expect(
      one({
        litellm_provider: 'openai',
        mode: 'chat',
        max_tokens: 4096,
        input_cost_per_token: 1.5e-7,
        output_cost_per_token: 6e-7,
        cache_read_input_token_cost: 7.5e-8,
        cache_creation_input_token_cost: 0.00000375,
        cache_creation_input_token_cost_above_1hr: 6e-6,
        output_cost_per_reasoning_token: 1e-6,
        input_cost_per_audio_token: 4e-5,
        output_cost_per_audio_token: 8e-5,
        input_cost_per_image_token: 5e-7,
        output_cost_per_image_token: 3e-5,
        input_cost_per_request: 0.0025,
        search_context_cost_per_query: { search_context_size_low: 0.03, search_context_size_high: 0.05 },
      }),
    ).toEqual({
      input: '0.15',
      output: '0.6',
      cache_read: '0.075',
      cache_write_5m: '3.75',
      cache_write_1h: '6',
      reasoning: '1',
      input_audio: '40',
      output_audio: '80',
      input_image: '0.5',
      output_image: '30',
      requests_per_thousand: '2.5',
      web_searches_per_thousand: '50',
    });
  });

  it('carries long prompts and service tiers over', () => {
    expect(
      one({
        input_cost_per_token: 1.25e-6,
        output_cost_per_token: 1e-5,
        input_cost_per_token_above_200k_tokens: 2.5e-6,
        output_cost_per_token_above_200k_tokens: 1.5e-5,
        cache_read_input_token_cost_above_200k_tokens: 2.5e-7,
        input_cost_per_token_priority: 2.5e-6,
        output_cost_per_token_priority: 2e-5,
        input_cost_per_token_above_272k_tokens_priority: 5e-6,
        output_cost_per_token_flex: 5e-6,
      }),
    ).toEqual({
      input: '1.25',
      output: '10',
      long_context: [{ above_input_tokens: 200_000, input: '2.5', output: '15', cache_read: '0.25' }],
      service_tiers: {
        priority: { input: '2.5', output: '20', long_context: [{ above_input_tokens: 272_000, input: '5' }] },
        flex: { output: '5' },
      },
    });
  });

  it('carries over how much a model reads and writes, where the file says it in numbers', () => {
    const price = { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 };
    expect(one({ ...price, max_input_tokens: 200_000, max_output_tokens: 8_192, max_tokens: 1 })).toEqual({
      input: '1',
      output: '2',
      context_window: 200_000,
      max_output_tokens: 8_192,
    });
    for (const odd of ['many', 0, -1, 1.5, 1e12, null])
      expect(one({ ...price, max_input_tokens: odd, max_output_tokens: odd })).toEqual({ input: '1', output: '2' });
  });

  it('says what it leaves out, and why', () => {
    const { prices, skipped, ignored } = fromLiteLlmPrices({
      sample_spec: { input_cost_per_token: 0 },
      embedder: { input_cost_per_token: 2e-8 },
      gratis: { input_cost_per_token: 0, output_cost_per_token: 0.0, cache_read_input_token_cost: 0 },
      painter: { output_cost_per_image: 0.04 },
      odd: { input_cost_per_token: 'cheap', output_cost_per_token: 1 },
      'two words': { input_cost_per_token: 1e-6 },
      nothing: null,
      batched: {
        input_cost_per_token: 1e-6,
        output_cost_per_token: 1e-6,
        input_cost_per_token_batches: 5e-7,
        vector_store_cost_per_gb_per_day: 0.1,
        input_cost_per_character: 0,
      },
    });
    expect([...prices.keys()]).toEqual(['embedder', 'gratis', 'batched']);
    expect(prices.get('gratis')).toEqual({ input: '0', output: '0', cache_read: '0' });
    expect(prices.get('embedder')).toEqual({ input: '0.02', output: '0' });
    expect(skipped.map(({ model }) => model)).toEqual(['painter', 'odd', 'two words', 'nothing']);
    expect(ignored).toEqual([
      { model: 'batched', fields: ['input_cost_per_token_batches', 'vector_store_cost_per_gb_per_day'] },
    ]);
  });

  it('shifts decimals as text: no digit is lost to binary fractions', () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999 }), fc.integer({ min: -18, max: -9 }), (digits, exponent) => {
        const text = scaled(Number(`${digits}e${exponent}`), 6);
        // Compared as integers, both times 10^24.
        const [whole = '', fraction = ''] = (text ?? '').split('.');
        const ours = BigInt(whole + fraction.padEnd(24, '0'));
        return ours === BigInt(digits) * 10n ** BigInt(exponent + 6 + 24);
      }),
    );
    expect(scaled(1e-7, 6)).toBe('0.1');
    expect(scaled('0.00000250', 6)).toBe('2.5');
    for (const bad of [-1, NaN, Infinity, 'x', '', null, {}, 1e9, '1e9999']) expect(scaled(bad, 6)).toBeNull();
  });

  it.each([-0.000001, 'free', 2])('tells a prompt price of %p from none', (price) => {
    const { skipped } = fromLiteLlmPrices({ bad: { input_cost_per_token: price }, none: { mode: 'chat' } });
    expect(skipped).toEqual([
      { model: 'bad', reason: expect.stringContaining('input_cost_per_token must be a number from 0 to 1') as string },
      { model: 'none', reason: 'has no price for a prompt token' },
    ]);
  });

  it('never throws, and what it reads is a price', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), fc.record({ input_cost_per_token: fc.double() }))),
        (file) => {
          for (const [model, prices] of fromLiteLlmPrices(file).prices) overridePrice(model, prices);
        },
      ),
    );
  });
});
