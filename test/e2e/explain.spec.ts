import { startGateway, type TestGateway } from '../support/gateway';

describe('POST /v1/explain', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway(`
providers:
  openai: { type: simulator, models: [gpt-4o-mini] }
  anthropic: { type: simulator, models: [claude-3-5-haiku-20241022] }
models:
  cheap:
    strategy: lowest_cost
    targets: [{ provider: anthropic, model: claude-3-5-haiku-20241022 }, { provider: openai, model: gpt-4o-mini }]
rate_limits: { default: { requests_per_minute: 3, tokens_per_minute: 100000 } }
`);
  });
  afterAll(() => gateway.close());

  const explain = async (body: object) => {
    const response = await fetch(`${gateway.url}/v1/explain`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, never> };
  };
  const ask = { model: 'gpt-4o-mini', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] };

  it('tells limits, route and price bounds, and takes nothing however often it is asked', async () => {
    for (let time = 0; time < 10; time += 1) {
      const { status, body } = await explain(ask);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        limits: {
          admitted: true,
          levels: expect.arrayContaining([
            expect.objectContaining({ resource: 'requests', limit: 3, used: 0 }),
          ]) as unknown,
        },
        route: [
          { provider: 'openai', model: 'gpt-4o-mini' },
          { provider: 'anthropic', model: 'claude-3-5-haiku-20241022' },
        ],
      });
      for (const target of body['route'] as unknown as { price_bound_usd: string }[])
        expect(Number(target.price_bound_usd)).toBeGreaterThan(0);
    }
  });

  it('orders by cost where the strategy says so', async () => {
    const { body } = await explain({ ...ask, model: 'cheap' });
    expect(body).toMatchObject({ route: [{ provider: 'openai', strategy: 'lowest_cost' }, { provider: 'anthropic' }] });
  });

  it('refuses what a chat call would refuse', async () => {
    expect(await explain({ model: 'nope', messages: ask.messages })).toMatchObject({ status: 404 });
    expect(await explain({ model: 'gpt-4o-mini' })).toMatchObject({ status: 400 });
  });
});
