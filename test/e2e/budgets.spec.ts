import { setTimeout as sleep } from 'node:timers/promises';
import { parseUsd } from '../../src/core/money';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';

const MODEL = 'gpt-4o-mini';
/** Pico-dollars a token: 0.15 and 0.6 USD a million. */
const [INPUT_PICO, OUTPUT_PICO] = [150_000n, 600_000n];

interface Body {
  readonly id?: string;
  readonly data?: Body[];
  readonly error?: { code: string; param: string | null; message: string; type: string };
  readonly [field: string]: unknown;
}

describe('budgets in three gateways against what the provider really billed', () => {
  let simulator: Simulator;
  const gateways: TestGateway[] = [];
  let apiKey = '';

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 0 });
    const url = await createTestDatabase();
    const yaml = `
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${MODEL}, gpt-4o] }
rate_limits: { default: { requests_per_minute: 1000000, tokens_per_minute: 1000000000 } }
cache: { enabled: false }
budgets:
  declared: { scope: organization, limit_usd: 1000, period: total }
`;
    for (let index = 0; index < 3; index += 1) {
      const gateway = await startGateway(yaml, { DATABASE_URL: url });
      gateways.push(gateway);
      if (gateway.apiKey !== '') ({ apiKey } = gateway);
    }
  });

  afterAll(async () => {
    for (const gateway of gateways) await gateway.close();
    await simulator.close();
  });

  beforeEach(() => simulator.reset());

  const admin = async (method: string, route: string, body?: unknown): Promise<{ status: number; body: Body }> => {
    const answer = await gateways[0]!.admin(method, route, body);
    return { status: answer.status, body: (answer.body ?? {}) as Body };
  };

  const ask = async (index: number, changes: object = {}, prompt = 'Tell me about leases.') => {
    const response = await fetch(`${gateways[index % 3]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: prompt }], ...changes }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  /** Nano-dollars that the provider billed since the last reset, call by call rounded up. */
  const billed = (): bigint =>
    simulator
      .journal()
      .reduce(
        (sum, { inputTokens, outputTokens }) =>
          sum + (BigInt(inputTokens) * INPUT_PICO + BigInt(outputTokens) * OUTPUT_PICO + 999n) / 1_000n,
        0n,
      );

  const settled = async (id: string): Promise<Body> => {
    for (let round = 0; round < 200; round += 1) {
      const { body } = await admin('GET', `/budgets/${id}`);
      if (body['held_usd'] === '0') return body;
      await sleep(100);
    }
    throw new Error('money is still held');
  };

  it.each([
    { name: 'with max_tokens', changes: { max_tokens: 40 } },
    { name: 'streams without max_tokens', changes: { stream: true } },
  ])('spends what there is and never more, 300 calls at once: $name (BUD-1)', async ({ name, changes }) => {
    await ask(0, changes);
    const one = billed();
    simulator.reset();
    const limit = one * 50n;
    const created = await admin('POST', '/budgets', {
      scope: 'organization',
      limit_usd: `0.${limit.toString().padStart(9, '0')}`,
      period: 'month',
    });
    expect(created.status).toBe(201);
    const id = String(created.body.id);
    await sleep(1_000);
    const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => ask(index, changes)));
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.find(({ status }) => status === 429);
    const clamped = served.filter(({ headers }) => headers.has('x-gateway-max-tokens-clamped'));
    expect(billed()).toBeLessThanOrEqual(limit);
    expect(served.length).toBeGreaterThanOrEqual(48);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect(refused?.headers.get('x-should-retry')).toBe('false');
    expect((JSON.parse(refused?.text ?? '{}') as Body).error).toMatchObject({
      code: 'budget_exceeded',
      type: 'insufficient_quota',
      message: expect.stringContaining('organization budget "per month"') as string,
    });
    const after = await settled(id);
    expect(parseUsd(String(after['spent_usd']))).toBe(billed());
    expect(after['resets_at']).toMatch(/^\d{4}-\d\d-01T00:00:00.000Z$/);
    expect((await admin('DELETE', `/budgets/${id}`)).status).toBe(204);
    await sleep(1_000);
    expect((await ask(1, changes)).status).toBe(200);
    guarantee(
      'BUD-1',
      `three gateways, ${name}: ${served.length} of 300 served (money for 50), ${clamped.length} clamped, overspend 0 nano-dollars`,
    );
  });

  it('refuses what has no bound under a hard budget, without asking the provider', async () => {
    const answer = await ask(0, { tools: [{ type: 'web_search' }] });
    expect([answer.status, (JSON.parse(answer.text) as Body).error?.code]).toEqual([400, 'budget_unpriceable']);
    expect(simulator.journal()).toEqual([]);
    guarantee('BUD-3', 'no bound under a hard budget: refused with budget_unpriceable, 0 calls to the provider');
  });

  it('shows budgets of the configuration, and leaves them to it', async () => {
    const { body } = await admin('GET', '/budgets');
    const declared = body.data?.find(({ name }) => name === 'declared');
    expect(declared).toMatchObject({ source: 'config', scope: 'organization', limit_usd: '1000', hard: true });
    expect(declared?.['resets_at']).toBeNull();
    expect((await admin('PATCH', `/budgets/${String(declared?.id)}`, { limit_usd: '5' })).status).toBe(409);
    expect(body.data?.filter(({ source }) => source === 'config')).toHaveLength(1);
  });

  it('creates, changes, tops up and removes', async () => {
    const created = await admin('POST', '/budgets', {
      scope: 'organization',
      limit_usd: '2.5',
      period: 'day',
      timezone: 'Europe/Berlin',
      hard: false,
    });
    expect(created).toMatchObject({
      status: 201,
      body: {
        limit_usd: '2.5',
        spent_usd: '0',
        held_usd: '0',
        remaining_usd: '2.5',
        timezone: 'Europe/Berlin',
        alerts: [0.5, 0.8, 1],
        models: null,
      },
    });
    const route = `/budgets/${String(created.body.id)}`;
    expect((await admin('PATCH', route, { limit_usd: '3', models: ['gpt-4o*'] })).body).toMatchObject({
      limit_usd: '3',
      models: ['gpt-4o*'],
    });
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    expect(
      await admin('POST', `${route}/top-ups`, { amount_usd: '1', expires_at: expires, reason: 'launch' }),
    ).toMatchObject({
      status: 201,
      body: { amount_usd: '1', reason: 'launch' },
    });
    expect((await admin('GET', route)).body).toMatchObject({ limit_usd: '3', remaining_usd: '4' });
    expect((await admin('DELETE', route)).status).toBe(204);
    expect((await admin('GET', route)).status).toBe(404);
  });

  const good = { scope: 'organization', limit_usd: '1', period: 'month' };
  it.each([
    ['limit_usd', { limit_usd: '-1' }],
    ['limit_usd', { limit_usd: '0' }],
    ['limit_usd', { limit_usd: 1 }],
    ['limit_usd', { limit_usd: '0.0000000001' }],
    ['limit_usd', { limit_usd: '9999999999' }],
    ['limit_usd', { limit_usd: '1e3' }],
    ['scope', { scope: 'planet' }],
    ['period', { period: 'year' }],
    ['timezone', { timezone: 'Mars/Olympus' }],
    ['scope_id', { scope: 'team' }],
    ['scope_id', { scope: 'team', scope_id: 'team_00000000000000000000000000' }],
    ['scope_id', { scope_id: 'team_00000000000000000000000000' }],
    ['alerts', { alerts: [-1] }],
    ['models', { models: [] }],
    ['colour', { colour: 'red' }],
  ])('refuses a wrong %s: %j', async (param, changes) => {
    const answer = await admin('POST', '/budgets', { ...good, ...changes });
    expect([answer.status, answer.body.error?.param]).toEqual([400, param]);
  });
});
