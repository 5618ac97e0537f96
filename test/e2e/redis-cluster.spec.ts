import { startGateway, type TestGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { TestRedisCluster } from '../support/test-redis-cluster';
import { until } from '../support/until';

jest.setTimeout(120_000);

describe('two gateways on a Redis Cluster', () => {
  let cluster: TestRedisCluster;
  let gateways: [TestGateway, TestGateway];

  beforeAll(async () => {
    cluster = await TestRedisCluster.start();
    const variables = { DATABASE_URL: await createTestDatabase(), REDIS_URL: cluster.url };
    const yaml = `providers: { sim: { type: simulator, models: [sim-small] } }
redis: { cluster: true }
pricing: { unknown: free }
cache: { enabled: true }
rate_limits: { organization: { requests_per_minute: 1000 } }
`;
    const first = await startGateway(yaml, variables);
    gateways = [first, await startGateway(yaml, variables)];
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await cluster.stop();
  });

  const ask = async (at: number, secret: string, prompt: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${gateways[at]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'sim-small', messages: [{ role: 'user', content: prompt }] }),
    });
    await response.text();
    return response;
  };

  it('are ready and count together', async () => {
    await until(async () => {
      const ready = await (await fetch(`${gateways[0].url}/health/ready`)).text();
      return ready.includes('counted in Redis by 2 replica(s)');
    });
    const { body } = await gateways[0].admin('GET', '/teams');
    const [{ id }] = (body as { data: [{ id: string }] }).data;
    const made = await gateways[0].admin('POST', '/keys', {
      name: 'k',
      team_id: id,
      limits: { requests_per_minute: 5, tokens_per_minute: 100_000, max_concurrency: 10 },
    });
    const { secret } = made.body as { secret: string };
    const asked = await Promise.all(Array.from({ length: 14 }, (_, index) => ask(index % 2, secret, `hello ${index}`)));
    expect(asked.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(asked.filter(({ status }) => status === 429)).toHaveLength(9);
    expect(asked.filter(({ headers }) => headers.has('x-gateway-ratelimit'))).toEqual([]);
  });

  it('share answers and idempotency keys', async () => {
    const { apiKey } = gateways[0];
    await ask(0, apiKey, 'What is the capital of France?');
    await until(
      async () => (await ask(1, apiKey, 'What is the capital of France?')).headers.get('x-gateway-cache') === 'hit',
    );
    const key = { 'idempotency-key': 'once', 'cache-control': 'no-store' };
    const first = await ask(0, apiKey, 'Only once', key);
    const again = await ask(1, apiKey, 'Only once', key);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect((await ask(1, apiKey, 'Something else', key)).status).toBe(422);
  });
});
