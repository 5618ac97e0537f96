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
  const took: string[] = [];
  let databaseUrl: string;
  let key: string;

  beforeAll(async () => {
    databaseUrl = await createTestDatabase();
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
  const secondsToReady = async (gateway: GatewayProcess): Promise<string> => {
    const since = performance.now();
    await until(async () => (await gateway.statusOf('/health/ready')) === 200, 60_000);
    return ((performance.now() - since) / 1000).toFixed(1);
  };

  it('is alive and not ready while Redis has never been there, and ready when it comes', async () => {
    const { link, url } = await linkTo(String(process.env['TEST_REDIS_URL']));
    const gateway = await start({ DATABASE_URL: databaseUrl, REDIS_URL: url });
    await until(async () => (await gateway.statusOf('/health/live')) === 200, 60_000);
    const readiness = await fetch(`${gateway.url}/health/ready`);
    expect(readiness.status).toBe(503);
    expect(await readiness.json()).toMatchObject({
      dependencies: { database: { status: 'up' }, redis: { status: 'down' } },
    });
    await link.restore();
    took.push(`Redis ${await secondsToReady(gateway)} s`);
    expect((await gateway.ask({ model: 'gpt-4o-mini' })).status).toBe(200);
    key = gateway.firstRun.api_key;
  });

  it('is alive and not ready while PostgreSQL is away, says so, and serves when it comes', async () => {
    const { link, url } = await linkTo(databaseUrl);
    const gateway = await start({ DATABASE_URL: url });
    await until(async () => (await gateway.statusOf('/health/live')) === 200, 60_000);
    expect(await gateway.statusOf('/health')).toBe(200);
    const readiness = await fetch(`${gateway.url}/health/ready`);
    expect(readiness.status).toBe(503);
    expect(await readiness.json()).toEqual({
      status: 'unavailable',
      dependencies: { database: { status: 'down', detail: 'does not answer yet; the log says why' } },
    });
    await gateway.child.printed(/Waiting for the database PostgreSQL at 127\.0\.0\.1:\d+.*ECONNREFUSED/);
    const early = await gateway.ask({ model: 'gpt-4o-mini' }, key);
    expect(early.status).toBe(503);
    expect(early.headers.get('retry-after')).toBe('1');
    expect(await early.json()).toMatchObject({
      error: { code: 'overloaded', message: expect.stringMatching(/database/) },
    });
    const messages = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', body: '{}' });
    expect(await messages.json()).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });
    await link.restore();
    took.push(`PostgreSQL ${await secondsToReady(gateway)} s`);
    const answered = await gateway.ask({ model: 'gpt-4o-mini' }, key);
    expect(answered.status).toBe(200);
    guarantee('LIF-6', `live and 503 without Redis or PostgreSQL; ready after they came: ${took.join(', ')}`);
  });

  it('ends at once when it is told to while it waits', async () => {
    const { url } = await linkTo(databaseUrl);
    const gateway = await start({ DATABASE_URL: url });
    await until(async () => (await gateway.statusOf('/health/live')) === 200, 60_000);
    gateway.child.process.kill('SIGTERM');
    expect(await gateway.child.exit).toBe(0);
  });
});
