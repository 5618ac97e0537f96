import { startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

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

describe('POST /v1/explain with a cache', () => {
  it('tells what would be replayed, and what is near and refused, and counts nothing', async () => {
    const gateway = await startGateway(`
providers: { openai: { type: simulator, models: [gpt-4o-mini] } }
cache: { enabled: true, mode: balanced, similarity_threshold: 0.8, embeddings: { timeout: 10s } }
`);
    const send = async (path: string, content: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${gateway.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] }),
      });
      return (await response.json()) as { cache?: Record<string, unknown> };
    };
    const explain = async (content: string, headers: Record<string, string> = {}) =>
      (await send('/v1/explain', content, headers)).cache;
    const asked = 'How do I enable the firewall of the office router?';
    expect(await explain(asked)).toMatchObject({ status: 'miss', match: null, refused: [], mode: 'balanced' });
    await send('/v1/chat/completions', asked);
    const refusedNow = async (): Promise<unknown[]> =>
      ((await explain(asked.replace('enable', 'disable'))) as { refused: unknown[] }).refused;
    await until(async () => (await refusedNow()).length > 0);
    expect(await explain(asked)).toMatchObject({ status: 'hit', match: { tier: 'exact', similarity: 1 } });
    const { refused } = (await explain(asked.replace('enable', 'disable'))) as { refused: Record<string, unknown>[] };
    expect(refused[0]?.['reasons']).toContain('opposite');
    expect(refused[0]?.['similarity']).toBeGreaterThan(0.8);
    expect(await explain(asked, { 'cache-control': 'no-store' })).toMatchObject({ status: 'bypass', why: 'no_store' });
    const { body } = await gateway.admin('GET', '/cache');
    expect(body).toMatchObject({ misses: 1, bypasses: 0, hits: { exact: 0 } });
    await gateway.close();
  });
});
