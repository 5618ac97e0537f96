import { FakeUpstream } from '../support/fake-upstream';
import { sseData } from '../support/fixtures';
import { startGateway, type InferenceAnswer, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

const ANSWER = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'm-1',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Four words in all.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
};

const yamlOf = (urls: readonly string[], more: string): string => `
routing: { retries: 0 }
providers:
  first: { type: openai-compatible, base_url: "${urls[0]}/v1", allow_private_network: true, models: [m], priority: 1 }
  second: { type: openai-compatible, base_url: "${urls[1]}/v1", allow_private_network: true, models: [m], priority: 2 }
pricing: { unknown: free }
cache: { enabled: true, ttl_seconds: 1${more} }
`;

describe('when every provider fails', () => {
  let upstreams: FakeUpstream[];
  let gateway: TestGateway;
  let status = 200;

  beforeEach(async () => {
    status = 200;
    upstreams = [await FakeUpstream.start(), await FakeUpstream.start()];
    for (const upstream of upstreams) {
      upstream.answer = (_, response) => {
        const body = status === 200 ? ANSWER : { error: { message: 'down', type: 'server_error' } };
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
    }
  });
  afterEach(async () => {
    await gateway.close();
    await Promise.all(upstreams.map((upstream) => upstream.close()));
  });
  const start = async (more: string): Promise<void> => {
    gateway = await startGateway(
      yamlOf(
        upstreams.map(({ url }) => url),
        more,
      ),
    );
  };

  const ask = (headers: Record<string, string> = {}, more: object = {}): Promise<InferenceAnswer> =>
    gateway.post(
      '/v1/chat/completions',
      { model: 'm', messages: [{ role: 'user', content: 'how many?' }], ...more },
      headers,
    );
  const cacheOf = ({ headers }: InferenceAnswer): string | null => headers.get('x-gateway-cache');
  /** Stored, and past its time. */
  const storeAndAge = async (): Promise<void> => {
    expect(cacheOf(await ask())).toBe('miss');
    const isGone = async (): Promise<boolean> => (await ask({ 'cache-control': 'only-if-cached' })).status === 504;
    await until(isGone);
  };

  it('an answer past its time stands in for the error, and says so', async () => {
    await start(', stale_if_error: 1h');
    await storeAndAge();
    status = 500;
    const calls = upstreams[0]!.received.length + upstreams[1]!.received.length;
    const stale = await ask();
    expect(upstreams[0]!.received.length + upstreams[1]!.received.length).toBe(calls + 2);
    expect({ status: stale.status, cache: cacheOf(stale) }).toEqual({ status: 200, cache: 'stale-hit' });
    expect((JSON.parse(stale.text) as typeof ANSWER).choices).toEqual(ANSWER.choices);
    expect(Number(stale.headers.get('age'))).toBeGreaterThanOrEqual(0);
    expect(stale.headers.get('cache-status')).toMatch(
      /^ai-gateway; fwd=stale; fwd-status=502; ttl=-\d+; detail=stale-if-error$/,
    );
    expect(stale.headers.get('x-gateway-provider')).toBe('first');
    expect(stale.headers.get('x-gateway-attempts')).toBe('2');
    const streamed = await ask({}, { stream: true, stream_options: { include_usage: true } });
    expect(cacheOf(streamed)).toBe('stale-hit');
    const pieces = sseData(streamed.text) as { choices?: { delta: { content?: string } }[] }[];
    expect(pieces.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('')).toBe('Four words in all.');
    expect(streamed.text).toContain('[DONE]');

    const record = await gateway.recordOf(String(stale.headers.get('x-request-id')));
    expect(record).toMatchObject({ cache_status: 'stale-hit', saved_usd: '0', status: 200 });
    expect(record['attempts']).toHaveLength(2);
    const { body } = await gateway.admin('GET', '/cache');
    expect(body).toMatchObject({ stale: 2 });
    await until(
      async () =>
        ((await gateway.admin('GET', '/requests?cache=stale-hit')).body as { data: object[] }).data.length === 2,
    );

    status = 200;
    expect(cacheOf(await ask())).toBe('miss');
    expect(cacheOf(await ask())).toBe('hit');
  });

  it('the caller may ask for less, and no other question is answered so', async () => {
    await start(', stale_if_error: 1h');
    await storeAndAge();
    // What is wrong with the request itself is told to the caller.
    status = 400;
    expect((await ask()).status).toBe(400);
    status = 500;
    for (const control of [
      'stale-if-error=0',
      'no-cache',
      'no-store',
      'max-age=0',
      'max-age=1000',
      'max-age=1, stale-if-error=0',
    ])
      expect({ control, isFailure: (await ask({ 'cache-control': control })).status >= 500 }).toEqual({
        control,
        isFailure: true,
      });
    expect((await ask({ 'cache-control': 'stale-if-error=600' })).status).toBe(200);
    expect((await ask({ 'cache-control': 'max-age=0, stale-if-error=600' })).status).toBe(200);
    expect((await ask({}, { temperature: 0.2 })).status).toBeGreaterThanOrEqual(500);
    const other = { messages: [{ role: 'user', content: 'how many are there?' }] };
    expect((await ask({}, other)).status).toBeGreaterThanOrEqual(500);
  });

  it('never beyond the configured time, and never where none is configured', async () => {
    await start(', stale_if_error: 500ms');
    await storeAndAge();
    status = 500;
    await until(async () => (await ask({ 'cache-control': 'stale-if-error=3600' })).status >= 500);
    await gateway.close();
    status = 200;
    await start('');
    await storeAndAge();
    status = 500;
    expect((await ask({ 'cache-control': 'stale-if-error=3600' })).status).toBeGreaterThanOrEqual(500);
  });
});
