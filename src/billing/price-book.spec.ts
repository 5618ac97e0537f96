import { calcPrice, waitForUpdate } from '@pydantic/genai-prices';
import type { Type } from '@nestjs/common';
import { NO_USAGE } from '../core/tokens';
import { UnpriceableError } from '../core/errors';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { loadCatalogue, type Catalogue } from './catalogue';
import { costOf } from './model-price';
import { PriceBook } from './price-book';
import { CuratedModels } from './prices/curated-models';
import { loadModels } from './prices/models-file';
import { PricingConfig } from './pricing.config';

class FixedClock extends Clock {
  constructor(public nowMs: number) {
    super();
  }
  override now(): number {
    return this.nowMs;
  }
  override monotonic(): number {
    return this.nowMs;
  }
}

class OneSection extends LiveConfig {
  pricing = new PricingConfig();
  private listener: () => void = () => undefined;
  override get version(): string {
    return 'c1';
  }
  override section<T extends object>(_type: Type<T>): T {
    return this.pricing as unknown as T;
  }
  override onReload(listener: () => void): () => void {
    this.listener = listener;
    return () => undefined;
  }
  reload(pricing: Partial<PricingConfig>): void {
    this.pricing = Object.assign(new PricingConfig(), pricing);
    this.listener();
  }
}

const NOON = Date.parse('2026-11-23T12:00:00Z');

/** What the package itself charges; it wants only kinds that the model has a price for. */
function listPrice(providerId: string, model: string): number {
  const options = { providerId, timestamp: new Date(NOON) };
  const prices = calcPrice({}, model, options)?.model_price ?? {};
  const reported: Record<string, number> = { input_tokens: 1_000, output_tokens: 700 };
  if ('cache_read_mtok' in prices) reported['cache_read_tokens'] = 300;
  if ('web_searches_kcount' in prices) reported['web_searches'] = 2;
  return calcPrice(reported, model, options)?.total_price ?? Number.NaN;
}

describe('PriceBook', () => {
  let catalogue: Catalogue;
  let config: OneSection;
  let clock: FixedClock;
  let book: PriceBook;

  beforeAll(async () => {
    catalogue = await loadCatalogue();
  });

  beforeEach(() => {
    config = new OneSection();
    clock = new FixedClock(NOON);
    book = new PriceBook(catalogue, new CuratedModels(loadModels()), config, clock);
  });

  const find = (provider: string, model: string, providerType = provider) =>
    book.find({ provider, providerType, model });

  it.each([
    ['openai', 'gpt-4o', 2_500_000n, 10_000_000n],
    ['openai', 'gpt-4o-mini', 150_000n, 600_000n],
    ['openai', 'gpt-4o-mini-2024-07-18', 150_000n, 600_000n],
    ['anthropic', 'claude-sonnet-4-20250514', 3_000_000n, 15_000_000n],
    ['anthropic', 'claude-3-5-haiku-20241022', 800_000n, 4_000_000n],
  ])('knows %s/%s', (provider, model, input, output) => {
    expect(find(provider, model)?.tiers[0]).toMatchObject({ input, output });
  });

  it('keeps the kinds of tokens apart', () => {
    expect(find('anthropic', 'claude-3-5-haiku-20241022')).toMatchObject({
      source: 'catalogue',
      webSearch: 10_000_000_000n,
      tiers: [
        {
          input: 800_000n,
          cacheRead: 80_000n,
          cacheWrite5m: 1_000_000n,
          cacheWrite1h: 1_600_000n,
          reasoning: 4_000_000n,
        },
      ],
    });
    expect(find('openai', 'gpt-audio')?.tiers[0]).toMatchObject({ inputAudio: 32_000_000n, outputAudio: 64_000_000n });
    expect(find('openai', 'gpt-5.4')?.tiers).toMatchObject([
      { aboveInputTokens: -1, input: 2_500_000n },
      { aboveInputTokens: 271_999, input: 5_000_000n, output: 22_500_000n },
    ]);
  });

  it('agrees with the calculator of the price list on every model of OpenAI and Anthropic', async () => {
    const usage = { ...NO_USAGE, inputTokens: 1_000, cacheReadTokens: 300, outputTokens: 700, webSearches: 2 };
    const listed = ((await waitForUpdate()) ?? []).filter(({ id }) => id === 'openai' || id === 'anthropic');
    const models = listed.flatMap((provider) => provider.models.map((model) => [provider.id, model.id] as const));
    const priced = models.filter(([provider, model]) => find(provider, model));
    for (const [provider, model] of priced) {
      const price = book.table.quote({ provider, providerType: provider, model }, NOON);
      expect([model, Number(costOf(price, usage)) / 1e9]).toEqual([
        model,
        expect.closeTo(listPrice(provider, model), 8),
      ]);
    }
    expect(priced.length).toBeGreaterThan(100);
  });

  it('switches to a new price on its day, without a restart', () => {
    clock.nowMs = Date.parse('2026-08-20T00:00:00Z');
    expect(find('openai', 'gpt-5.6-sol')?.tiers[0].input).toBe(5_000_000n);
    clock.nowMs = Date.parse('2026-08-21T00:00:00Z');
    expect(find('openai', 'gpt-5.6-sol')?.tiers[0].input).toBe(4_000_000n);
  });

  it('follows prices that change with the time of day', () => {
    clock.nowMs = Date.parse('2026-11-23T02:00:00Z');
    expect(find('deepseek', 'deepseek-chat', 'openai-compatible')?.tiers[0].output).toBe(1_100_000n);
    clock.nowMs = Date.parse('2026-11-23T20:00:00Z');
    expect(find('deepseek', 'deepseek-chat', 'openai-compatible')?.tiers[0].output).toBe(550_000n);
  });

  it('finds models of simulators and compatible providers by name', () => {
    expect(find('sim', 'gpt-4o-mini', 'simulator')?.id).toBe('openai/gpt-4o-mini');
    expect(find('sim', 'claude-sonnet-4-20250514', 'simulator')?.id).toMatch(/^anthropic\//);
    expect(find('groq', 'llama-3.3-70b-versatile', 'openai-compatible')?.id).toMatch(/^groq\//);
    expect(find('sim', 'no-such-model', 'simulator')).toBeNull();
  });

  it('does not look for a model of OpenAI elsewhere', () => {
    expect(find('openai', 'claude-sonnet-4-20250514')).toBeNull();
  });

  it('prefers the override of provider and model, then that of the model', () => {
    const before = book.version;
    config.reload({
      overrides: {
        'gpt-4o': { input: '1', output: '2' },
        'azure/gpt-4o': { input: '0.0375', output: '4', cache_read: '0.5' },
      },
    });
    expect(find('openai', 'gpt-4o')).toMatchObject({
      source: 'override',
      tiers: [{ input: 1_000_000n, cacheRead: 1_000_000n }],
    });
    expect(find('azure', 'gpt-4o', 'openai-compatible')?.tiers[0]).toMatchObject({
      input: 37_500n,
      output: 4_000_000n,
      cacheRead: 500_000n,
    });
    expect(book.version).not.toBe(before);
    config.reload({});
    expect(book.version).toBe(before);
  });

  it('treats an unknown model as the operator says', () => {
    const target = { provider: 'openai', providerType: 'openai', model: 'secret-model' };
    expect(() => book.table.quote(target, NOON)).toThrow(UnpriceableError);
    config.reload({ unknown: 'free' });
    expect(costOf(book.table.quote(target, NOON), { ...NO_USAGE, inputTokens: 5, webSearches: 1 })).toBe(0n);
    config.reload({ unknown: 'estimate' });
    const estimate = book.table.quote(target, NOON);
    expect(estimate.source).toBe('estimate');
    for (const model of ['gpt-4o', 'gpt-5-pro', 'o1-pro']) {
      expect(estimate.tiers[0].output).toBeGreaterThanOrEqual(find('openai', model)?.tiers[0].output ?? 1n << 60n);
    }
    expect(book.table.quote({ ...target, providerType: 'simulator' }, NOON).tiers[0]).toMatchObject({
      input: 15_000_000n,
      output: 75_000_000n,
    });
  });
});
