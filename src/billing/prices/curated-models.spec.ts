import { ConfigurationError } from '../../platform/config/configuration-error';
import { loadCatalogue, type Catalogue } from '../catalogue';
import { costOf, tierFor, worstCaseCost } from '../model-price';
import { PricingConfig } from '../pricing.config';
import { NO_USAGE } from '../../core/tokens';
import { askedServiceTier } from '../budgets/service-tier';
import { chatRequest } from '../testing/usage-fixtures';
import { CatalogueSearch } from './catalogue-search';
import { CuratedModels } from './curated-models';
import { loadModels, readModels } from './models-file';
import { PriceTable, type PricedTarget, type StatedPrice } from './price-table';

const NOW = Date.UTC(2026, 10, 28);
const openai = (model: string): PricedTarget => ({ provider: 'mine', providerType: 'openai', model });
const anthropic = (model: string): PricedTarget => ({ provider: 'theirs', providerType: 'anthropic', model });

describe('the curated list of models', () => {
  const curated = new CuratedModels(loadModels());
  let catalogue: Catalogue;

  beforeAll(async () => {
    catalogue = await loadCatalogue();
  });

  const tableOf = (stated: readonly StatedPrice[] = [], policy: Partial<PricingConfig> = {}): PriceTable =>
    new PriceTable(new CatalogueSearch(catalogue, curated), stated, { ...new PricingConfig(), ...policy }, 'h');
  const stated = (model: string, prices: StatedPrice['prices']): StatedPrice => ({
    model,
    prices,
    source: 'config',
    version: null,
    since: null,
  });

  it('names only models that the price list prices, unless they are too new for it', () => {
    const tooNew = ['claude-haiku-5-5'];
    for (const [vendor, models] of Object.entries({ openai: curated.file.openai, anthropic: curated.file.anthropic })) {
      const provider = catalogue.provider(vendor)!;
      const unknown = Object.keys(models).filter((name) => !catalogue.model(provider, name));
      expect(unknown.filter((name) => !tooNew.includes(name))).toEqual([]);
    }
    expect(Object.keys(curated.file.openai).length + Object.keys(curated.file.anthropic).length).toBeGreaterThan(50);
  });

  it('has no tier that sells below half or above five times the ordinary price', () => {
    for (const [vendor, models] of Object.entries({ openai: curated.file.openai, anthropic: curated.file.anthropic })) {
      for (const name of Object.keys(models)) {
        const price = tableOf().find({ provider: vendor, providerType: vendor, model: name }, NOW);
        for (const [tier, [base]] of Object.entries(price?.serviceTiers ?? {})) {
          const ordinary = price!.tiers[0];
          for (const kind of ['input', 'output', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h'] as const) {
            const isCheaper = tier === 'flex' || tier === 'batch';
            const [least, most] = isCheaper
              ? [ordinary[kind] / 2n, ordinary[kind]]
              : [ordinary[kind], ordinary[kind] * 5n];
            expect([name, tier, kind, base[kind] >= least && base[kind] <= most]).toEqual([name, tier, kind, true]);
          }
        }
      }
    }
  });

  it('knows the limits of a model by its dated and latest names too, an exact name first', () => {
    const facts = (target: PricedTarget) => tableOf().facts(target);
    const gpt4o = { contextWindow: 128_000, maxOutputTokens: 16_384 };
    for (const name of ['gpt-4o', 'GPT-4o', 'gpt-4o-2024-11-20', 'gpt-4o-latest']) {
      expect(facts(openai(name))).toMatchObject(gpt4o);
    }
    expect(facts(openai('gpt-4o-2024-05-13'))).toMatchObject({ maxOutputTokens: 4_096 });
    expect(facts(anthropic('claude-sonnet-4-20250514'))).toMatchObject({ maxOutputTokens: 64_000 });
    expect(facts(anthropic('claude-opus-4-0'))).toMatchObject({ maxOutputTokens: 32_000 });
    expect(facts(anthropic('claude-opus-5')).capabilities).toContain('reasoning');
    // Another server may offer the same model; a vendor does not have the other's.
    expect(facts({ provider: 'x', providerType: 'openai-compatible', model: 'gpt-4o' })).toMatchObject(gpt4o);
    expect(facts(anthropic('gpt-4o'))).toEqual({ contextWindow: null, maxOutputTokens: null, capabilities: null });
    // Where the file is silent, the price list may know the window.
    expect(facts(openai('gpt-4o-audio-preview'))).toMatchObject({ contextWindow: 128_000, maxOutputTokens: null });
  });

  it('is overruled by what the operator says of a model', () => {
    const prices = { input: '1', output: '2', max_output_tokens: 1_000 };
    const table = tableOf([stated('gpt-4o', prices)]);
    expect(table.facts(openai('gpt-4o'))).toMatchObject({ contextWindow: 128_000, maxOutputTokens: 1_000 });
    expect(table.find(openai('gpt-4o'), NOW)?.serviceTiers).toBeUndefined();
    const exact = tableOf([stated('gpt-4o', prices), stated('mine/gpt-4o', { ...prices, max_output_tokens: 7 })]);
    expect(exact.facts(openai('gpt-4o'))).toMatchObject({ maxOutputTokens: 7 });
  });

  it('prices the tier that served, and reserves at the dearer one that was asked for', () => {
    const price = tableOf().find(openai('gpt-4o'), NOW)!;
    const usage = { ...NO_USAGE, inputTokens: 1_000_000, outputTokens: 1_000_000 };
    const usd = (tier?: string): bigint =>
      costOf(price, { ...usage, ...(tier === undefined ? {} : { serviceTier: tier }) });
    expect([usd(), usd('default'), usd('priority'), usd('fast'), usd('batch')]).toEqual([
      12_500_000_000n,
      12_500_000_000n,
      21_250_000_000n,
      21_250_000_000n,
      6_250_000_000n,
    ]);
    expect(worstCaseCost(price, 1_000_000, 1_000_000, 1, 'priority')).toBe(21_250_000_000n);
    expect(worstCaseCost(price, 1_000_000, 1_000_000, 1, 'batch')).toBe(12_500_000_000n);
    const asked = ['priority', 'fast', 'flex', 'default'].map((tier) =>
      askedServiceTier(chatRequest('gpt-4o', 'hi', 1, { service_tier: tier })),
    );
    expect(asked).toEqual(['priority', 'fast', undefined, undefined]);
  });

  it('never sells a long prompt in a tier for less than ordinarily, or than a short one', () => {
    const price = tableOf().find(openai('gpt-5.4'), NOW)!;
    const long = 300_000;
    const ordinary = tierFor(price, long);
    expect(ordinary.input).toBe(5_000_000n);
    for (const tier of ['priority', 'fast', 'flex', 'batch']) {
      const own = tierFor(price, long, tier);
      expect([tier, own.input >= ordinary.input, own.output >= ordinary.output]).toEqual([tier, true, true]);
    }
    expect(tierFor(price, long, 'priority')).toMatchObject({ input: 5_000_000n, output: 30_000_000n });
    expect(tierFor(price, 1_000, 'flex')).toMatchObject({ input: 1_250_000n, output: 7_500_000n });
  });

  it('bounds an answer that names no bound: the model, the policy, what is left beside the prompt', () => {
    expect(tableOf().answerBound(openai('gpt-4o'), 10)).toBe(16_384);
    expect(tableOf().answerBound(openai('gpt-5'), 10)).toBe(32_768);
    expect(tableOf([], { unbounded_answer_tokens: 200_000 }).answerBound(openai('gpt-5'), 10)).toBe(128_000);
    expect(tableOf([], { unbounded_answer_tokens: 1_000 }).answerBound(openai('gpt-4o'), 10)).toBe(1_000);
    expect(tableOf().answerBound(openai('gpt-4'), 4_000)).toBe(8_192 - 5_000);
    expect(tableOf().answerBound(openai('gpt-4'), 9_000)).toBe(16);
    expect(tableOf().answerBound({ provider: 'x', providerType: 'openai-compatible', model: 'ours' }, 10)).toBe(4_096);
  });
});

describe('a file of models that is wrong', () => {
  it('is refused with every problem, its place and the mend', () => {
    const text = `
openai:
  gpt-4o: { context_window: 128000, max_output_tokens: 200000, aliases: [gpt-x] }
  gpt-x: { context_window: -1, capabilities: [tools, flying] }
  gpt-y: { max_output_tokens: many, service_tiers: { flex: { input: -2 } } }
mistral: {}
`;
    expect(() => readModels({ name: 'models.yaml', text })).toThrow(ConfigurationError);
    let problems: readonly string[] = [];
    try {
      readModels({ name: 'models.yaml', text });
    } catch (error) {
      problems = (error as ConfigurationError).problems;
    }
    expect(problems).toEqual([
      expect.stringMatching(
        /^models\.yaml:3:\d+ openai\.gpt-4o\.max_output_tokens: is larger than the context window \(128000\)/,
      ),
      expect.stringMatching(/^models\.yaml:3:\d+ openai\.gpt-4o\.aliases\[0\]: "gpt-x" is a name of "gpt-x" already/),
      expect.stringMatching(/^models\.yaml:4:\d+ openai\.gpt-x\.context_window: -1 /),
      expect.stringMatching(/^models\.yaml:4:\d+ openai\.gpt-x\.capabilities: /),
      expect.stringMatching(/^models\.yaml:5:\d+ openai\.gpt-y\.max_output_tokens: "many" /),
      expect.stringMatching(/^models\.yaml:5:\d+ openai\.gpt-y\.service_tiers\.flex\.input: -2 is not a price/),
      expect.stringMatching(/^models\.yaml:6:\d+ mistral: is not a known setting/),
    ]);
  });

  it('that is not there is said by its name', () => {
    expect(() => loadModels('/nowhere/models.yaml')).toThrow(
      expect.objectContaining({
        problems: ['/nowhere/models.yaml: cannot be read (ENOENT); put the file of the release back'],
      }),
    );
  });
});
