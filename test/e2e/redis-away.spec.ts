import { ConsoleClient } from '../browser/support/console-client';
import { DoomedRedis } from '../support/doomed-redis';
import { startGateway, type TestGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

jest.setTimeout(120_000);

/** Passwords tried from one address in a minute. */
const PASSWORDS = 120;

describe('two gateways on one Redis that goes away', () => {
  let redis: DoomedRedis;
  let gateways: [TestGateway, TestGateway];

  beforeAll(async () => {
    redis = await DoomedRedis.start();
    const variables = { DATABASE_URL: await createTestDatabase(), REDIS_URL: redis.url };
    const yaml = (policy: string) =>
      `providers: { sim: { type: simulator, models: [sim-small] } }\nrate_limits: { default: { requests_per_minute: 1000 }, on_store_down: ${policy} }\n`;
    const first = await startGateway(yaml('local_share'), variables);
    gateways = [first, await startGateway(yaml('deny'), variables)];
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await redis.kill();
  });

  const managementLeft = async (at: number): Promise<number> => {
    const { status, headers } = await gateways[at]!.admin('GET', '/teams');
    expect(status).toBe(200);
    return Number(headers.get('x-ratelimit-remaining'));
  };
  const tryPasswords = async (count: number): Promise<number[]> => {
    const clients = gateways.map(({ url }) => new ConsoleClient(url));
    const tokens = await Promise.all(clients.map((client) => client.token()));
    const statuses: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const token = tokens[index % 2]!;
      const form = { email: 'x@example.com', password: '' };
      statuses.push((await clients[index % 2]!.post('/admin/sign-in', form, { token })).status);
    }
    return statuses;
  };
  /** Some were taken for tried that were not, when the machine was too busy to answer in time; none are forgotten. */
  const expectLimit = (statuses: readonly number[], limit: number): void => {
    const tried = statuses.filter((status) => status === 400).length;
    expect(tried).toBeGreaterThan(limit * 0.8);
    expect(tried).toBeLessThan(limit * 1.2);
    expect(statuses.slice(-10)).toEqual(Array.from({ length: 10 }, () => 429));
  };
  const ready = async (at: number) => {
    const response = await fetch(`${gateways[at]!.url}/health/ready`);
    return { code: response.status, ...((await response.json()) as { status: string; dependencies: object }) };
  };

  it('counts calls of the management API from one address over both', async () => {
    const first = await managementLeft(0);
    expect(await managementLeft(1)).toBe(first - 1);
    expect(await managementLeft(0)).toBe(first - 2);
  });

  it('counts passwords that are tried from one address over both', async () => {
    expectLimit(await tryPasswords(PASSWORDS * 1.3), PASSWORDS);
  });

  it('stays within reach without Redis, counts by itself, and says so', async () => {
    await redis.kill();
    await until(async () => JSON.stringify((await ready(0)).dependencies).includes('on_store_down'));
    expect(await ready(0)).toMatchObject({
      code: 200,
      dependencies: { redis: { status: 'degraded' }, rate_limits: { status: 'degraded' }, database: { status: 'up' } },
    });
    await until(async () => (await ready(1)).code === 503);
    expect(await ready(1)).toMatchObject({ status: 'unavailable', dependencies: { rate_limits: { status: 'down' } } });
    // Management is not refused, whatever the limits of models do, and is still counted: by each replica.
    const [first, second] = [await managementLeft(0), await managementLeft(1)];
    expect(await managementLeft(0)).toBe(first - 1);
    expect(await managementLeft(1)).toBe(second - 1);
    expectLimit(await tryPasswords(2 * PASSWORDS * 1.3), 2 * PASSWORDS);
    const metrics = await (await fetch(`${gateways[0].url}/metrics`)).text();
    expect(metrics).toContain('gateway_rate_limit_degraded 1');
  });

  it('is itself again when Redis is', async () => {
    await redis.up();
    await until(async () => (await ready(0)).status === 'ok' && (await ready(1)).status === 'ok');
    // Again where Redis did not answer in time: such a call is taken back a moment later.
    await until(async () => {
      const first = await managementLeft(0);
      return (await managementLeft(1)) === first - 1;
    });
  });
});
