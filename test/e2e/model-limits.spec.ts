import { FakeUpstream, type Answer } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

const completion = (model: string): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: 'Yes.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
  });

const answered: Answer = ({ body }, response) => {
  const { model } = JSON.parse(body.toString()) as { model: string };
  response.writeHead(200, { 'content-type': 'application/json' }).end(completion(model));
};

describe('what is known of models, through the whole gateway', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    gateway = await startGateway(`
providers:
  openai: { api_key: k1, base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o, gpt-4, o3] }
  house: { type: openai-compatible, api_key: k2, base_url: "${upstream.url}/v1", allow_private_network: true, models: [house-model] }
models:
  roomy: { targets: [{ provider: openai, model: gpt-4 }, { provider: openai, model: gpt-4o }] }
routing: { fallback: explicit }
cache: { enabled: false }
pricing: { overrides: { house-model: { input: 1, output: 2, context_window: 4000, max_output_tokens: 500 } } }
budgets:
  small: { scope: organization, limit_usd: 0.25, period: total, models: [gpt-4o] }
`);
  });
  beforeEach(() => {
    upstream.received.length = 0;
    upstream.answer = answered;
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });

  const ask = (model: string, content = 'Is it?', more: object = {}) =>
    gateway.post('/v1/chat/completions', { model, messages: [{ role: 'user', content }], ...more });
  const boundAt = (index: number): unknown =>
    (JSON.parse(upstream.received[index]!.body.toString()) as Record<string, unknown>)['max_completion_tokens'];

  it('a call without max_tokens is reserved by the longest answer of its model; while others hold the money it takes less', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    upstream.answer = (received, response) => void held.then(() => answered(received, response));
    const first = ask('gpt-4o');
    await until(() => upstream.received.length === 1);
    const second = ask('gpt-4o');
    await until(() => upstream.received.length === 2);
    release();
    const [full, rest] = await Promise.all([first, second]);
    expect([full.status, rest.status]).toEqual([200, 200]);
    // 16,384 tokens at 10 dollars a million are 0.16384 of the 0.25 dollars: not twice.
    expect(boundAt(0)).toBe(16_384);
    expect(full.headers.has('x-gateway-max-tokens-clamped')).toBe(false);
    expect(rest.headers.get('x-gateway-max-tokens-clamped')).toBe('4096');
    expect(boundAt(1)).toBe(4_096);
  });

  it('a prompt that cannot fit goes to the target with room, on record; without one it is sent all the same', async () => {
    const long = 'word '.repeat(15_000);
    const moved = await ask('roomy', long, { max_tokens: 10 });
    expect(moved.status).toBe(200);
    expect(moved.headers.get('x-gateway-model')).toBe('gpt-4o');
    expect(upstream.received).toHaveLength(1);
    const record = await gateway.recordOf(moved.headers.get('x-request-id') ?? '');
    expect(JSON.stringify(record)).toContain('does not fit into the context window of 8192');

    // The count is an estimate: where nobody has the room, the provider has the last word.
    expect((await ask('gpt-4', long, { max_tokens: 10 })).status).toBe(200);
    expect(upstream.received).toHaveLength(2);
  });

  it('is told by the list of models in both shapes, and beside the prices', async () => {
    const get = async (route: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${gateway.url}${route}`, {
        headers: { authorization: `Bearer ${gateway.apiKey}`, ...headers },
      });
      return (await answer.json()) as Record<string, unknown>;
    };
    const { data } = (await get('/v1/models')) as { data: { id: string }[] };
    expect(data.find(({ id }) => id === 'gpt-4o')).toMatchObject({
      context_window: 128_000,
      max_output_tokens: 16_384,
      capabilities: expect.arrayContaining(['vision', 'tools']) as unknown,
    });
    expect(await get('/v1/models/house-model')).toMatchObject({ context_window: 4_000, max_output_tokens: 500 });
    expect(await get('/v1/models/house-model')).not.toHaveProperty('capabilities');
    expect(await get('/v1/models/o3', { 'anthropic-version': '2023-06-01' })).toMatchObject({
      max_input_tokens: 200_000,
      max_tokens: 100_000,
    });
    const price = await gateway.admin('GET', '/prices/openai%2Fgpt-4o');
    expect(price.body).toMatchObject({
      context_window: 128_000,
      max_output_tokens: 16_384,
      capabilities: ['tools', 'vision', 'structured_outputs', 'prompt_caching'],
      prices: {
        service_tiers: { priority: { input: '4.25', cache_read: '2.125', output: '17' }, batch: {}, fast: {} },
      },
    });
    const put = await gateway.admin('PUT', '/prices/house-two', { input: '1', output: '1', max_output_tokens: 0 });
    expect(put).toMatchObject({ status: 400, body: { error: { param: 'max_output_tokens' } } });
  });
});
