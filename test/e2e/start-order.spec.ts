import { DataSource } from 'typeorm';
import { migrate } from '../../src/platform/database';
import { databaseOptions } from '../../src/platform/database/database-options';
import { GatewayProcess } from '../support/gateway-process';
import { guarantee } from '../support/guarantee';
import { TcpLink } from '../support/tcp-link';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

jest.setTimeout(180_000);

const SIMULATED = 'providers: { sim: { type: simulator, models: [gpt-4o-mini] } }\n';

describe('a gateway that starts before what it stands on', () => {
  const running: GatewayProcess[] = [];
  const links: TcpLink[] = [];
  let databaseUrl: string;

  beforeAll(async () => {
    databaseUrl = await createTestDatabase();
    // Somebody else of the fleet has brought it up to date.
    const dataSource = await new DataSource(databaseOptions(databaseUrl)).initialize();
    await migrate(dataSource);
    await dataSource.destroy();
  });

  afterAll(async () => {
    for (const gateway of running) await gateway.stop();
    for (const link of links) await link.cut();
  });

  const linkTo = async (url: string): Promise<{ link: TcpLink; url: string }> => {
    const link = await TcpLink.create(url);
    links.push(link);
    return { link, url: link.through(url) };
  };
  const start = async (environment: Record<string, string>): Promise<GatewayProcess> => {
    const gateway = await GatewayProcess.start(SIMULATED, environment);
    running.push(gateway);
    return gateway;
  };
  const readinessOf = async (gateway: GatewayProcess) => {
    try {
      const response = await fetch(`${gateway.url}/health/ready`);
      const body = (await response.json()) as { status: string; dependencies: Record<string, { status: string }> };
      return { code: response.status, ...body };
    } catch {
      // The port changes hands.
      return { code: 0, status: '', dependencies: {} as Record<string, { status: string }> };
    }
  };
  const secondsUntil = async (isSo: () => Promise<boolean>): Promise<string> => {
    const since = performance.now();
    await until(isSo, 60_000);
    return ((performance.now() - since) / 1000).toFixed(1);
  };

  it('is alive and not ready while PostgreSQL, then Redis is away, says so, and serves when both have come', async () => {
    const [database, redis] = [await linkTo(databaseUrl), await linkTo(String(process.env['TEST_REDIS_URL']))];
    const gateway = await start({ DATABASE_URL: database.url, REDIS_URL: redis.url });
    await until(async () => (await gateway.statusOf('/health/live')) === 200, 60_000);
    expect(await gateway.statusOf('/health')).toBe(200);
    expect(await readinessOf(gateway)).toEqual({
      code: 503,
      status: 'unavailable',
      dependencies: { database: { status: 'down', detail: 'does not answer yet; the log says why' } },
    });
    await gateway.child.printed(/Waiting for the database PostgreSQL at 127\.0\.0\.1:\d+.*ECONNREFUSED/);
    const early = await gateway.ask({ model: 'gpt-4o-mini' }, 'gw_any');
    expect(early.status).toBe(503);
    expect(early.headers.get('retry-after')).toBe('1');
    expect(await early.json()).toMatchObject({
      error: { code: 'overloaded', message: expect.stringMatching(/database/) },
    });
    const messages = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', body: '{}' });
    expect(await messages.json()).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });

    await database.link.restore();
    const withDatabase = await secondsUntil(
      async () => (await readinessOf(gateway)).dependencies['database']?.status === 'up',
    );
    expect(await readinessOf(gateway)).toMatchObject({ code: 503, dependencies: { redis: { status: 'down' } } });
    await redis.link.restore();
    const withRedis = await secondsUntil(async () => (await readinessOf(gateway)).code === 200);
    expect((await gateway.ask({ model: 'gpt-4o-mini' })).status).toBe(200);
    guarantee('LIF-6', `live and 503 before; up ${withDatabase} s after PostgreSQL, ready ${withRedis} s after Redis`);
  });

  it('ends at once when it is told to while it waits', async () => {
    const { url } = await linkTo(databaseUrl);
    const gateway = await start({ DATABASE_URL: url });
    await until(async () => (await gateway.statusOf('/health/live')) === 200, 60_000);
    gateway.child.process.kill('SIGTERM');
    expect(await gateway.child.exit).toBe(0);
  });
});
