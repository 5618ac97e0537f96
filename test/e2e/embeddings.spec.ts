import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';

const SMALL = 'text-embedding-3-small';
const CLAUDE = 'claude-sonnet-4-20250514';

const vectors = (item: unknown): string =>
  JSON.stringify({
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: item }],
    model: SMALL,
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });

describe('embeddings', () => {
  let gateway: TestGateway;
  let client: OpenAI;
  let broken: FakeUpstream;
  let lists: FakeUpstream;

  beforeAll(async () => {
    broken = await FakeUpstream.start();
    broken.answer = (_, response) => void response.writeHead(500).end('{"error":{"message":"down"}}');
    lists = await FakeUpstream.start();
    lists.answer = (_, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(vectors([0.5, -0.25, 1]));
    gateway = await startGateway(`
providers:
  openai: { type: simulator, models: [${SMALL}, text-embedding-3-large, gpt-4o-mini], priority: 1 }
  anthropic: { type: simulator, models: [${CLAUDE}], priority: 2 }
  broken:
    type: openai
    api_key: sk-x
    base_url: ${broken.url}/v1
    allow_private_network: true
    models: [only-broken, ${SMALL}]
    priority: 9
  lists:
    type: openai-compatible
    base_url: ${lists.url}/v1
    allow_private_network: true
    models: [bge-small]
models:
  same-model:
    targets:
      - { provider: broken, model: ${SMALL} }
    fallbacks: [${SMALL}]
  other-model:
    targets:
      - { provider: broken, model: ${SMALL} }
    fallbacks: [text-embedding-3-large]
routing: { fallback: by_position, retries: 0 }
pricing: { unknown: free }
`);
    client = new OpenAI({ apiKey: gateway.apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  });
  afterAll(async () => {
    await Promise.all([broken.close(), lists.close()]);
    await gateway.close();
  });

  it('the SDK’s own way (base64) gives the same vector as a list of numbers', async () => {
    const { data, response } = await client.embeddings.create({ model: SMALL, input: 'Grüße' }).withResponse();
    const plain = await client.embeddings.create({ model: SMALL, input: 'Grüße', encoding_format: 'float' });
    const [byDefault, asList] = [data.data[0]!.embedding, plain.data[0]!.embedding];
    expect(byDefault).toHaveLength(1536);
    asList.forEach((value, index) => expect(byDefault[index]).toBeCloseTo(value, 6));
    expect(Math.hypot(...byDefault)).toBeCloseTo(1, 3);
    expect(response.headers.get('x-gateway-provider')).toBe('openai');
    const record = await gateway.recordOf(String(response.headers.get('x-request-id')));
    expect(record).toMatchObject({
      endpoint: '/v1/embeddings',
      dialect: 'embeddings',
      status: 200,
      usage_source: 'provider',
      input_tokens: data.usage.prompt_tokens,
      output_tokens: 0,
    });
    expect(Number(record['cost_usd'])).toBeGreaterThan(0);
    expect(record['attempts']).toHaveLength(1);
  });

  it('dimensions, several texts and token numbers', async () => {
    const several = await client.embeddings.create({ model: SMALL, input: ['one', 'two'], dimensions: 64 });
    expect(several.data.map(({ embedding }) => embedding.length)).toEqual([64, 64]);
    const tokens = await client.embeddings.create({ model: SMALL, input: [[1, 2, 3], [4]] });
    expect(tokens.data).toHaveLength(2);
    expect(tokens.usage.prompt_tokens).toBe(4);
  });

  it('base64 is made where a compatible server only knows lists', async () => {
    const answer = await client.embeddings.create({ model: 'bge-small', input: 'x' });
    expect(answer.data[0]?.embedding).toEqual([0.5, -0.25, 1]);
    const asList = await client.embeddings.create({ model: 'bge-small', input: 'x', encoding_format: 'float' });
    expect(asList.data[0]?.embedding).toEqual([0.5, -0.25, 1]);
    expect(lists.lastJson()).toEqual({ model: 'bge-small', input: 'x', encoding_format: 'float' });
  });

  it('another provider takes over with the same model, and never with another one', async () => {
    const { response } = await client.embeddings.create({ model: 'same-model', input: 'x' }).withResponse();
    expect(response.headers.get('x-gateway-provider')).toBe('openai');
    expect(response.headers.get('x-gateway-fallback')).toBe('true');
    await expect(client.embeddings.create({ model: 'other-model', input: 'x' })).rejects.toMatchObject({
      status: 500,
      message: expect.stringContaining('down') as string,
    });
  });

  it('a provider without an embeddings API is a clear 400', async () => {
    await expect(client.embeddings.create({ model: CLAUDE, input: 'x' })).rejects.toMatchObject({
      status: 400,
      param: 'model',
      message: expect.stringContaining('without an embeddings API') as string,
    });
  });

  it.each([
    [{ input: 'x' }, 'model'],
    [{ model: SMALL }, 'input'],
    [{ model: SMALL, input: [] }, 'input'],
    [{ model: SMALL, input: ['x', 1] }, 'input'],
    [{ model: SMALL, input: 'x', encoding_format: 'hex' }, 'encoding_format'],
    [{ model: SMALL, input: 'x', dimensions: 0 }, 'dimensions'],
  ])('%j names the field that is wrong', async (body, param) => {
    const response = await fetch(`${gateway.url}/v1/embeddings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', param } });
  });

  describe('token counts', () => {
    const messages = [{ role: 'user' as const, content: 'What is the capital of France?' }];
    let anthropic: Anthropic;
    beforeAll(() => (anthropic = new Anthropic({ apiKey: gateway.apiKey, baseURL: gateway.url, maxRetries: 0 })));

    it('come from Anthropic for its models, cost nothing and are on record', async () => {
      const { data, response } = await anthropic.messages.countTokens({ model: CLAUDE, messages }).withResponse();
      const answer = await anthropic.messages.create({ model: CLAUDE, messages, max_tokens: 10 });
      expect(data.input_tokens).toBe(answer.usage.input_tokens);
      expect(response.headers.get('x-gateway-warnings')).toBeNull();
      const record = await gateway.recordOf(String(response.headers.get('request-id')));
      expect(record).toMatchObject({ endpoint: '/v1/messages/count_tokens', status: 200, provider: 'anthropic' });
      expect(Number(record['cost_usd'])).toBe(0);
      expect(record['attempts']).toEqual([]);
    });

    it('are estimated for other models, and say so', async () => {
      const { data, response } = await anthropic.messages
        .countTokens({ model: 'gpt-4o-mini', messages })
        .withResponse();
      expect(data.input_tokens).toBeGreaterThan(5);
      expect(data.input_tokens).toBeLessThan(40);
      expect(response.headers.get('x-gateway-warnings')).toContain('estimate');
    });

    it('need messages and a model that exists', async () => {
      await expect(anthropic.messages.countTokens({ model: CLAUDE, messages: [] })).rejects.toBeInstanceOf(
        Anthropic.BadRequestError,
      );
      await expect(anthropic.messages.countTokens({ model: 'nope', messages })).rejects.toBeInstanceOf(
        Anthropic.NotFoundError,
      );
    });
  });
});
