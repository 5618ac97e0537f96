import { DataSource } from 'typeorm';
import { verifyLedger } from '../../src/billing';
import { newId } from '../../src/core/ids';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { startGateway, type TestGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

jest.setTimeout(120_000);

const MODEL = 'gpt-4o-mini';

interface Price {
  readonly model: string;
  readonly source: string;
  readonly version: string | null;
  readonly prices: { readonly [kind: string]: unknown };
}

describe('prices, on two replicas', () => {
  let simulator: Simulator;
  const gateways: TestGateway[] = [];
  let apiKey = '';

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 0 });
    const url = await createTestDatabase();
    const yaml = `
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${MODEL}, house-model] }
cache: { enabled: false }
pricing: { unknown: estimate, overrides: { declared-model: { input: 1, output: 2 } } }
`;
    for (let index = 0; index < 2; index += 1) {
      const gateway = await startGateway(yaml, { DATABASE_URL: url });
      gateways.push(gateway);
      if (gateway.apiKey !== '') ({ apiKey } = gateway);
    }
  });

  afterAll(async () => {
    for (const gateway of gateways) await gateway.close();
    await simulator.close();
  });

  const call = async (method: string, route: string, body?: unknown, index = 0) => {
    const answer = await gateways[index]!.admin(method, `/prices${route}`, body);
    return { status: answer.status, body: (answer.body ?? {}) as { readonly [field: string]: unknown } };
  };

  const priceOf = async (model: string, index = 0): Promise<Price> =>
    (await call('GET', `/${encodeURIComponent(model)}`, undefined, index)).body as unknown as Price;

  const ask = async (index: number, model = MODEL): Promise<{ cost: string | null; id: string }> => {
    const response = await fetch(`${gateways[index]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, max_tokens: 20, messages: [{ role: 'user', content: 'Tell me about prices.' }] }),
    });
    expect(response.status).toBe(200);
    await response.text();
    return { cost: response.headers.get('x-gateway-cost-usd'), id: response.headers.get('x-request-id') ?? '' };
  };

  it('lists the whole catalogue in pages, with source and version', async () => {
    const seen: Price[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { status, body } = await call('GET', `?limit=200${query}`);
      expect(status).toBe(200);
      expect(body['version']).toMatch(/^[0-9a-f]{16}$/);
      seen.push(...(body['data'] as Price[]));
      cursor = body['next_cursor'] as string | null;
    } while (cursor !== null);
    const names = seen.map(({ model }) => model);
    expect(names.length).toBeGreaterThan(1_000);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual([...names].sort());
    expect(seen.find(({ model }) => model === 'openai/gpt-4o')).toMatchObject({
      source: 'catalogue',
      prices: { input: '2.5', output: '10', cache_read: '1.25' },
    });
    const declared = await call('GET', '?source=config');
    expect((declared.body['data'] as Price[]).map(({ model }) => model)).toEqual(['declared-model']);
    const found = await call('GET', '?search=claude-sonnet-4&limit=5');
    expect((found.body['data'] as Price[]).every(({ model }) => model.includes('claude-sonnet-4'))).toBe(true);
  });

  it('a price that is set holds on every replica within a second, in force until it is taken back', async () => {
    const before = await ask(1);
    const { status, body } = await call('PUT', `/${MODEL}`, {
      input: '1000',
      output: '2000',
      service_tiers: { priority: { input: '3000' } },
      long_context: [{ above_input_tokens: 200_000, input: '4000' }],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ model: MODEL, source: 'api', version: expect.stringMatching(/^\d+$/) as string });
    await until(async () => (await priceOf(MODEL, 1)).source === 'api', 5_000);
    const after = await ask(1);
    expect(Number(after.cost)).toBeGreaterThan(Number(before.cost) * 1_000);
    const record = await gateways[1]!.recordOf(after.id);
    expect(JSON.stringify(record)).toContain('"price_source":"override"');
    const { body: list } = await call('GET', '?limit=1', undefined, 1);
    expect(JSON.stringify(record)).toContain(`"price_version":"${String(list['version'])}"`);

    expect((await call('DELETE', `/${MODEL}`, undefined, 1)).status).toBe(204);
    await until(async () => (await priceOf(MODEL)).source === 'catalogue', 5_000);
    expect((await ask(0)).cost).toBe(before.cost);
    expect((await call('DELETE', `/${MODEL}`)).status).toBe(404);
  });

  it('a price of provider/model is set by its escaped name, and wins over that of the model', async () => {
    await call('PUT', `/${MODEL}`, { input: '1', output: '1' });
    const exact = await call('PUT', `/${encodeURIComponent(`openai/${MODEL}`)}`, { input: '7', output: '7' });
    expect(exact.status).toBe(200);
    const { cost } = await ask(0);
    expect(Number(cost)).toBeGreaterThan(0);
    expect((await priceOf(`openai/${MODEL}`)).prices).toMatchObject({ input: '7' });
    await call('DELETE', `/${MODEL}`);
    await call('DELETE', `/${encodeURIComponent(`openai/${MODEL}`)}`);
  });

  it('imports a LiteLLM file, and says what it could not carry over', async () => {
    const file = {
      sample_spec: {},
      [MODEL]: { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6, input_cost_per_token_batches: 5e-7 },
      'made-here': { input_cost_per_token: 3e-6 },
      'dall-e-3': { output_cost_per_image: 0.04 },
      'declared-model': { input_cost_per_token: 1, output_cost_per_token: 1 },
    };
    const seen = await call('POST', '/import?dry_run=true', file);
    expect(seen.body).toMatchObject({ dry_run: true, imported: 2, added: 1, unchanged: 0 });
    expect(seen.body['changes']).toMatchObject([
      { model: MODEL, before: { input: '0.15' }, after: { input: '1', output: '2' } },
      { model: 'made-here', before: null, after: { input: '3', output: '0' } },
    ]);
    expect((await priceOf(MODEL)).source).toBe('catalogue');
    expect((await call('POST', '/import?dry_run=perhaps', file)).status).toBe(400);
    const free = await call('POST', '/import', { 'made-here': { input_cost_per_token: -1 } });
    expect(free.status).toBe(400);
    expect(JSON.stringify(free.body)).toContain('input_cost_per_token must be a number from 0 to 1');
    const first = await call('POST', '/import', file);
    expect(first.status).toBe(200);
    expect(first.body).toEqual({
      ...seen.body,
      dry_run: false,
      skipped: [
        { model: 'dall-e-3', reason: 'has no price for a prompt token' },
        { model: 'declared-model', reason: 'is priced in the configuration file' },
      ],
      ignored: [{ model: MODEL, fields: ['input_cost_per_token_batches'] }],
    });
    expect((await call('POST', '/import', file)).body).toMatchObject({
      imported: 0,
      unchanged: 2,
    });
    expect(await priceOf(MODEL)).toMatchObject({ source: 'import', prices: { input: '1', output: '2' } });
    await call('DELETE', `/${MODEL}`);
  });

  it('lists what is offered or was called without a price, until it is priced', async () => {
    const { id } = await ask(0, 'house-model');
    await gateways[0]!.recordOf(id);
    const listed = await call('GET', '/unpriced');
    expect(listed.body['data']).toEqual([
      {
        provider: 'openai',
        model: 'house-model',
        offered: true,
        calls: 1,
        last_called_at: expect.any(String) as string,
      },
    ]);
    await call('PUT', '/house-model', { input: '0.1', output: '0.2' });
    expect((await call('GET', '/unpriced')).body['data']).toEqual([]);
    await call('DELETE', '/house-model');
  });

  describe('re-rating', () => {
    const reRate = (body: object) =>
      gateways[0]!.admin('POST', '/prices/re-rate', {
        from: '2020-01-01T00:00:00Z',
        to: '2100-01-01T00:00:00Z',
        model: MODEL,
        reason: 'the list was wrong',
        ...body,
      });
    const spentOf = async (id: string): Promise<string> =>
      ((await gateways[0]!.admin('GET', `/budgets/${id}`)).body as { spent_usd: string }).spent_usd;
    const reported = async (): Promise<string> => {
      const query = 'from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&group_by=model';
      const { body } = await gateways[0]!.admin('GET', `/usage?${query}`);
      const rows = (body as { data: { model: string | null; cost_usd: string }[] }).data;
      return rows.find(({ model }) => model?.startsWith(MODEL))?.cost_usd ?? '';
    };

    it('shows the difference first, posts it once, and requests, reports and budgets follow', async () => {
      const made = await gateways[0]!.admin('POST', '/budgets', {
        scope: 'organization',
        limit_usd: '9',
        period: 'month',
      });
      const { id: budget } = made.body as { id: string };
      await until(async () => (await spentOf(budget)) === '0');
      const calls = [await ask(0), await ask(1), await ask(0)];
      for (const { id } of calls) await gateways[0]!.recordOf(id);
      await until(async () => (await spentOf(budget)) !== '0');
      // What tests before this one have charged at other prices.
      await reRate({ dry_run: false });
      const all = await reported();
      const spent = await spentOf(budget);

      expect((await reRate({})).body).toMatchObject({ dry_run: true, changed: 0, difference_usd: '0' });
      // Twice the price of gpt-4o-mini.
      await call('PUT', `/${MODEL}`, { input: '0.3', output: '1.2', cache_read: '0.15' });
      const preview = (await reRate({})).body as Record<string, string | number>;
      expect(preview).toMatchObject({ dry_run: true, before_usd: all, unpriced: [] });
      expect(preview['changed']).toBeGreaterThanOrEqual(calls.length);
      expect(Number(preview['difference_usd'])).toBeCloseTo(Number(all), 6);
      expect([await reported(), await spentOf(budget)]).toEqual([all, spent]);

      const done = (await reRate({ dry_run: false })).body as Record<string, string>;
      expect(done).toEqual({ ...preview, dry_run: false });
      expect(await reported()).toBe(done['after_usd']);
      const record = await gateways[1]!.recordOf(calls[0]!.id);
      expect(record).toMatchObject({ price_version: done['price_version'] });
      expect(Number(record['cost_usd'])).toBeCloseTo(Number(calls[0]!.cost) * 2, 8);
      expect(JSON.stringify(record)).toContain('"price_source":"override"');
      expect(Number(await spentOf(budget))).toBeCloseTo(Number(spent) * 2, 8);
      expect((await reRate({ dry_run: false })).body).toMatchObject({ changed: 0, difference_usd: '0' });
      const { body: log } = await gateways[0]!.admin('GET', '/audit?limit=50');
      const deed = (log as { data: { action: string; after: object }[] }).data.find(
        ({ action }) => action === 'price.re_rate',
      );
      expect(deed?.after).toMatchObject({ reason: 'the list was wrong', difference_usd: done['difference_usd'] });

      // And back, to the nano-dollar.
      await call('DELETE', `/${MODEL}`);
      await reRate({ dry_run: false });
      expect([await reported(), await spentOf(budget)]).toEqual([all, spent]);
      const books = await verifyLedger(gateways[0]!.app.get(DataSource));
      expect(books.filter(({ differences }) => differences.length > 0)).toEqual([]);
      await gateways[0]!.admin('DELETE', `/budgets/${budget}`);
    });

    it('leaves an attempt alone until its request is on record, and then both follow', async () => {
      const database = gateways[0]!.app.get(DataSource);
      const { id } = await ask(0);
      await gateways[0]!.recordOf(id);
      await reRate({ dry_run: false });
      const copy = (table: string, column: string, members: object): Promise<unknown> =>
        database.query(
          `insert into ${table} select (jsonb_populate_record(row, $1)).* from ${table} row where ${column} = $2`,
          [members, id],
        );
      const running = newId('req', Date.now());
      await copy('usage_attempts', 'request_id', { id: newId('att', Date.now()), request_id: running, charges: [] });
      await call('PUT', `/${MODEL}`, { input: '3', output: '12' });
      await reRate({ dry_run: false });
      const costs = (): Promise<{ attempt: string; request: string | null }[]> =>
        database.query(
          `select a.cost_nano_usd as attempt, r.cost_nano_usd as request from usage_attempts a
             left join usage_requests r on r.id = a.request_id where a.request_id = any($1) order by a.request_id = $2`,
          [[id, running], running],
        );
      const [ended, open] = await costs();
      expect(ended?.request).toBe(ended?.attempt);
      expect(open?.request).toBeNull();
      expect(open?.attempt).not.toBe(ended?.attempt);
      await copy('usage_requests', 'id', { id: running, cost_nano_usd: open?.attempt });
      expect((await reRate({ dry_run: false })).body).toMatchObject({ changed: 1 });
      expect((await costs())[1]).toEqual({ attempt: ended?.attempt, request: ended?.attempt });
      await call('DELETE', `/${MODEL}`);
      const books = await verifyLedger(database);
      expect(books.filter(({ differences }) => differences.length > 0)).toEqual([]);
    });

    it.each([
      ['model', { model: `${MODEL}-2024-07-18` }, `/${MODEL}`],
      ['model', { model: MODEL, provider: 'nobody' }, `/${MODEL}`],
      ['provider', { model: undefined, provider: 'nobody' }, `/${MODEL}`],
    ])('tells of a wrong %s what is on record instead of finding nothing: %j', async (param, changes, onRecord) => {
      const { status, body } = await reRate(changes);
      const { error } = body as { error: { param: string; message: string } };
      expect([status, error.param]).toEqual([400, param]);
      expect(error.message).toContain(onRecord);
    });

    it.each([
      ['from', { from: '2100-01-01T00:00:00Z' }],
      ['from', { from: 'yesterday' }],
      ['to', { to: undefined }],
      ['reason', { reason: '' }],
      ['dry_run', { dry_run: 'no' }],
      ['price', { price: '1' }],
    ])('refuses a wrong %s', async (param, changes) => {
      const { status, body } = await reRate(changes);
      expect([status, (body as { error: { param: string } }).error.param]).toEqual([400, param]);
    });
  });

  it.each([
    [{ output: '1' }, 'input'],
    [{ input: '1' }, 'output'],
    [{ input: '-1', output: '1' }, 'input'],
    [{ input: 1, output: '1' }, 'input'],
    [{ input: '1e3', output: '1' }, 'input'],
    [{ input: '9999999', output: '1' }, 'input'],
    [{ input: '1.0000001', output: '1' }, 'input'],
    [{ input: '1', output: '1', cached: '1' }, 'cached'],
    [{ input: '1', output: '1', long_context: [{ input: '2' }] }, 'long_context[0].above_input_tokens'],
    [{ input: '1', output: '1', service_tiers: { slow: {} } }, 'service_tiers.slow'],
    [{ input: '1', output: '1', service_tiers: { flex: { input: 'free' } } }, 'service_tiers.flex.input'],
  ])('refuses %j and names the field', async (body, param) => {
    const { status, body: answer } = await call('PUT', '/some-model', body);
    expect({ status, param: (answer['error'] as { param: string } | undefined)?.param }).toEqual({
      status: 400,
      param,
    });
  });

  it('refuses what cannot be', async () => {
    expect((await call('PUT', '/declared-model', { input: '1', output: '1' })).status).toBe(409);
    expect((await call('DELETE', '/declared-model')).status).toBe(409);
    expect((await call('PUT', '/two%20words', { input: '1', output: '1' })).status).toBe(400);
    expect((await call('GET', '/no-such-model-anywhere')).status).toBe(404);
    expect((await call('GET', '?cursor=%25%25')).status).toBe(400);
    expect((await call('POST', '/import', { a: 1 })).status).toBe(400);
  });
});
