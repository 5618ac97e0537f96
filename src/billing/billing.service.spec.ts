import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Type } from '@nestjs/common';
import { UnpriceableError } from '../core/errors';
import { LiveConfig } from '../platform/config/live-config';
import { BillingService } from './billing.service';
import { budgetsOf } from './budgets/testing/budget-fixtures';
import { loadCatalogue, type Catalogue } from './catalogue';
import { timeOfRequestId } from './id-time';
import { journalOptions, type JournalOptions } from './journal/journal-options';
import { PriceBook } from './price-book';
import { CuratedModels } from './prices/curated-models';
import { loadModels } from './prices/models-file';
import { ProviderTypes } from './provider-types';
import { costAt } from './re-rating/re-rated-rows';
import { ManualClock } from './testing/manual-clock';
import { MemoryUsageStore } from './testing/memory-usage-store';
import { chatRequest, contextOf, IDENTITY, event, outcome, usageOf } from './testing/usage-fixtures';
import { UsageJournal } from './usage-journal';
import { TOKEN_COLUMNS, type AttemptRow, type TokenColumns } from './usage-rows';

class Defaults extends LiveConfig {
  override get version(): string {
    return 'c1';
  }
  override section<T extends object>(type: Type<T>): T {
    return new type();
  }
  override onReload(): () => void {
    return () => undefined;
  }
}

class NamesAreTypes extends ProviderTypes {
  override typeOf(providerName: string): string {
    return providerName;
  }
}

describe('BillingService', () => {
  let catalogue: Catalogue;
  let root: string;
  let clock: ManualClock;
  let store: MemoryUsageStore;
  let usage: UsageJournal;
  let billing: BillingService;
  let prices: PriceBook;

  beforeAll(async () => {
    catalogue = await loadCatalogue();
  });

  const begin = async (changes: Partial<JournalOptions> = {}): Promise<void> => {
    prices = new PriceBook(catalogue, new CuratedModels(loadModels()), new Defaults(), clock);
    usage = await UsageJournal.start(journalOptions(root, changes), store, clock);
    billing = new BillingService(prices, new NamesAreTypes(), usage, clock, budgetsOf(clock).gate);
  };

  beforeEach(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'billing-'));
    clock = new ManualClock();
    store = new MemoryUsageStore();
    await begin();
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  const contextWithLedger = () => {
    const context = contextOf(clock);
    billing.track(context);
    const ledger = billing.openLedger(context);
    context.attempts = ledger;
    context.request = chatRequest();
    return { context, ledger };
  };

  const intent = (index: number, provider = 'openai', model = 'gpt-4o') => ({
    index,
    provider,
    model,
    request: chatRequest(),
  });

  it('charges the prices of the moment a request was admitted, to its end', async () => {
    const stated = (input: string) => [
      { model: 'gpt-4o', prices: { input, output: '0' }, source: 'api' as const, version: '1', since: null },
    ];
    prices.useStored(stated('1'));
    const { context, ledger } = contextWithLedger();
    const admitted = prices.version;
    prices.useStored(stated('100'));
    const attempt = await ledger.open(intent(1));
    attempt.settle(outcome({ usage: usageOf(1_000, 0) }));
    expect(ledger.cost()).toBe(1_000_000n);
    const later = contextWithLedger();
    (await later.ledger.open(intent(1))).settle(outcome({ usage: usageOf(1_000, 0) }));
    expect(later.ledger.cost()).toBe(100_000_000n);
    context.close();
    later.context.close();
    await usage.onApplicationShutdown();
    const [first, second] = [...store.attempts.values()];
    expect(first).toMatchObject({ price_version: admitted, input_price_pico: '1000000', price_source: 'override' });
    expect(second).toMatchObject({ price_version: prices.version, input_price_pico: '100000000' });
    expect(prices.version).not.toBe(admitted);
  });

  it('charges the service tier that served, or the dearer one that was asked for in silence', async () => {
    const tiers = { priority: { input: '3' }, flex: { input: '1' } };
    const price = { input: '2', output: '0', service_tiers: tiers };
    prices.useStored([{ model: 'gpt-4o', prices: price, source: 'api', version: '1', since: null }]);
    const costs: bigint[] = [];
    for (const [asked, serviceTier] of [
      [undefined, undefined],
      [undefined, 'flex'],
      ['priority', undefined],
      ['priority', 'priority'],
      ['priority', 'default'],
      ['flex', undefined],
    ]) {
      const { context, ledger } = contextWithLedger();
      const request = chatRequest('gpt-4o', 'hello', 100, asked === undefined ? {} : { service_tier: asked });
      const attempt = await ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request });
      const used = { ...usageOf(1_000, 0), ...(serviceTier === undefined ? {} : { serviceTier }) };
      attempt.settle(outcome({ usage: used }));
      costs.push(ledger.cost());
      context.close();
    }
    expect(costs.map((cost) => cost / 1_000_000n)).toEqual([2n, 1n, 3n, 3n, 2n, 2n]);
    await usage.onApplicationShutdown();
    expect([...store.attempts.values()].map((row) => row.service_tier)).toEqual([
      null,
      'flex',
      'priority',
      'priority',
      null,
      null,
    ]);
  });

  it('records a request with its attempts: who, what, how much, under which prices', async () => {
    const { context, ledger } = contextWithLedger();
    context.metadata = { app: 'search' };
    const first = await ledger.open(intent(1));
    clock.advance(10);
    first.settle(outcome({ status: 'failed', httpStatus: 500, error: 'http_500', servedModel: null, billable: false }));
    const second = await ledger.open(intent(2, 'anthropic', 'claude-sonnet-4-20250514'));
    clock.advance(40);
    second.observe(event({ text: 'hi' }));
    context.firstByteAtMs = clock.monotonic();
    second.settle(outcome({ usage: usageOf(1_000, 100), servedModel: 'claude-sonnet-4-20250514' }));
    context.served = { provider: 'anthropic', model: 'claude-sonnet-4-20250514', attempts: 2, fallback: true };
    context.outcome = { status: 200, errorCode: null };
    context.upstreamMs = 45;
    context.cacheStatus = 'miss';
    context.decide('route', 'fallback', { from: 'openai' });
    expect(ledger.cost()).toBe(4_500_000n);
    clock.advance(5);
    context.close();
    await usage.onApplicationShutdown();

    const [failed, succeeded] = [...store.attempts.values()];
    expect(failed).toMatchObject({
      request_id: context.requestId,
      index: 1,
      provider: 'openai',
      model: 'gpt-4o',
      status: 'failed',
      http_status: 500,
      error: 'http_500',
      cost_nano_usd: '0',
      latency_ms: 10,
    });
    expect(succeeded).toMatchObject({
      index: 2,
      provider: 'anthropic',
      status: 'succeeded',
      usage_source: 'provider',
      input_tokens: 1_000,
      output_tokens: 100,
      input_price_pico: '3000000',
      output_price_pico: '15000000',
      price_source: 'catalogue',
      cost_nano_usd: '4500000',
      latency_ms: 40,
      ttfb_ms: 40,
      key_id: 'key_1',
      team_id: 'team_1',
      department_id: 'dep_1',
      user_id: 'user_1',
    });
    expect(succeeded?.price_version).toMatch(/^[0-9a-f]{16}$/);
    expect([...store.requests.values()]).toEqual([
      expect.objectContaining({
        id: context.requestId,
        provider: 'anthropic',
        served_model: 'claude-sonnet-4-20250514',
        requested_model: 'gpt-4o',
        fallback: true,
        attempts: 2,
        // The attempt that failed used nothing, which makes nothing less sure.
        usage_source: 'provider',
        status: 200,
        cache_status: 'miss',
        stream: true,
        input_tokens: 1_000,
        cost_nano_usd: '4500000',
        saved_nano_usd: '0',
        latency_ms: 55,
        ttfb_ms: 50,
        overhead_ms: 10,
        config_version: 'c1',
        metadata: { app: 'search' },
        decisions: ['none_applies', 'none_applies', 'fallback'].map((what) => expect.objectContaining({ what })),
      }),
    ]);
  });

  it('has the intent on disk before the call may be made, and never the prompt', async () => {
    const { ledger } = contextWithLedger();
    const request = chatRequest('gpt-4o', 'my secret prompt');
    const attempt = await ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request });
    const written = fs.readFileSync(path.join(usage.journal.directory, '00000001.wal'), 'utf8');
    expect(written).toContain(attempt.id);
    expect(written).toContain('"in_doubt"');
    expect(written).not.toContain('secret');
  });

  it('keeps of an attempt in doubt the service tier that was paid for: at the same price it costs the same again', () => {
    const stated = { input: '2', output: '4', service_tiers: { priority: { input: '3', output: '9' } } };
    prices.useStored([{ model: 'gpt-4o', prices: stated, source: 'api', version: '1', since: null }]);
    const price = prices.table.quote({ provider: 'openai', providerType: 'openai', model: 'gpt-4o' }, clock.now());
    const { ledger } = contextWithLedger();
    const request = chatRequest('gpt-4o', 'hello', 100, { service_tier: 'priority' });
    void ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request });
    const written = fs.readFileSync(path.join(usage.journal.directory, '00000001.wal'), 'utf8');
    const row = JSON.parse(/\{"id":"att_.*/.exec(written)?.[0] ?? '') as AttemptRow;
    expect(row).toMatchObject({ status: 'in_doubt', service_tier: 'priority', output_price_pico: '9000000' });
    const tokens = Object.fromEntries(
      Object.keys(TOKEN_COLUMNS).map((name) => [name, String(row[name as keyof TokenColumns] ?? 0)]),
    ) as Record<keyof TokenColumns, string>;
    expect(costAt(price, { ...row, ...tokens, started_at: new Date(row.started_at) }).toString()).toBe(
      row.cost_nano_usd,
    );
  });

  it('refuses a model without a price and leaves no trace of an attempt', async () => {
    const { context, ledger } = contextWithLedger();
    expect(() => ledger.open(intent(1, 'openai', 'unheard-of'))).toThrow(UnpriceableError);
    context.outcome = { status: 400, errorCode: 'budget_unpriceable' };
    context.close();
    await usage.onApplicationShutdown();
    expect(store.attempts.size).toBe(0);
    expect([...store.requests.values()]).toMatchObject([
      { status: 400, error_code: 'budget_unpriceable', attempts: 0, provider: null },
    ]);
  });

  it('makes no attempt when the journal is full', async () => {
    await usage.onApplicationShutdown();
    await begin({ maxBytes: 100 });
    const { ledger } = contextWithLedger();
    expect(() => ledger.open(intent(1))).toThrow(expect.objectContaining({ status: 503, code: 'overloaded' }));
    expect(ledger.cost()).toBe(0n);
  });

  it('settles what nobody settled when the request ends', async () => {
    const { context, ledger } = contextWithLedger();
    (await ledger.open(intent(1))).observe(event({ text: 'half an answer' }));
    context.close();
    await usage.onApplicationShutdown();
    expect([...store.attempts.values()]).toMatchObject([
      { status: 'aborted', error: 'unsettled', usage_source: 'counted' },
    ]);
    expect([...store.requests.values()]).toMatchObject([
      { status: 499, error_code: 'client_closed', attempts: 1, usage_source: 'counted' },
    ]);
  });

  it('records refused requests and cache hits of known callers, once, and nothing of strangers', async () => {
    const refused = contextOf(clock);
    billing.track(refused);
    billing.track(refused);
    refused.outcome = { status: 429, errorCode: 'rate_limit_exceeded' };
    refused.close();
    const hit = contextOf(clock);
    billing.track(hit);
    hit.cacheStatus = 'hit';
    hit.savedNanoUsd = 123n;
    hit.outcome = { status: 200, errorCode: null };
    hit.close();
    const stranger = contextOf(clock, IDENTITY);
    stranger.identity = undefined;
    billing.track(stranger);
    stranger.close();
    await usage.onApplicationShutdown();
    expect([...store.requests.values()]).toMatchObject([
      { status: 429, error_code: 'rate_limit_exceeded', cost_nano_usd: '0', cache_status: 'bypass' },
      { status: 200, cache_status: 'hit', saved_nano_usd: '123', cost_nano_usd: '0' },
    ]);
  });

  it('puts attempts of one request and its row where their time says', () => {
    const context = contextOf(clock);
    expect(timeOfRequestId(context.requestId)).toBe(clock.now());
    expect(timeOfRequestId('req_zzz')).toBeNull();
    expect(timeOfRequestId(`${context.requestId}; drop table`)).toBeNull();
  });
});
