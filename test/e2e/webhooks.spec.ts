import { createHmac } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { DataSource } from 'typeorm';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { databaseOptions } from '../../src/platform/database/database-options';
import { startGateway, type TestGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

jest.setTimeout(180_000);

interface Received {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Answer = Readonly<Record<string, unknown>>;

describe('webhooks, on two replicas', () => {
  let simulator: Simulator;
  let receiver: http.Server;
  let address = '';
  let url = '';
  let apiKey = '';
  let keyId = '';
  const gateways: TestGateway[] = [];
  const received: Received[] = [];
  /** Answers with 500 so many times before it takes anything. */
  let failures = 0;

  beforeAll(async () => {
    receiver = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const isFailing = failures > 0;
        failures -= 1;
        response.writeHead(isFailing ? 500 : 204).end();
        const { type, data } = JSON.parse(body) as Pick<Received, 'type' | 'data'>;
        received.push({ path: request.url ?? '', headers: request.headers, body, type, data });
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    simulator = await startSimulator({ port: 0, speed: 0 });
    url = await createTestDatabase();
    const yaml = `
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [gpt-4o-mini] }
cache: { enabled: false }
routing: { retries: 0, breaker: { failures: 2, open: 1s } }
pricing: { overrides: { gpt-4o-mini: { input: 0, output: 1000 } } }
`;
    for (let index = 0; index < 2; index += 1) {
      const gateway = await startGateway(yaml, { DATABASE_URL: url });
      gateways.push(gateway);
      if (gateway.apiKey !== '') ({ apiKey } = gateway);
    }
    const keys = await admin('GET', '/keys');
    keyId = (keys.body['data'] as { id: string }[])[0]?.id ?? '';
  });

  afterAll(async () => {
    for (const gateway of gateways) await gateway.close();
    await simulator.close();
    receiver.close();
    receiver.closeAllConnections();
  });

  const admin = async (method: string, route: string, body?: unknown, index = 0) => {
    const answer = await gateways[index]!.admin(method, route, body);
    return { status: answer.status, body: (answer.body ?? {}) as Answer };
  };

  const subscribe = async (path: string, events?: string[]): Promise<{ id: string; secret: string }> => {
    const { status, body } = await admin('POST', '/webhooks', {
      url: address + path,
      allow_private_network: true,
      ...(events ? { events } : {}),
    });
    expect(status).toBe(201);
    return body as unknown as { id: string; secret: string };
  };

  const at = (path: string): Received[] => received.filter((one) => one.path === path);

  const ask = async (index: number, maxTokens: number, prompt = 'Tell me everything about signatures.') => {
    const response = await fetch(`${gateways[index % 2]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-4o-mini',
        max_tokens: maxTokens,
        messages: [{ role: 'user', content: prompt }],
      }),
    });
    await response.text();
    return response.status;
  };

  const deliveries = async (id: string): Promise<Answer[]> =>
    (await admin('GET', `/webhooks/${id}/deliveries`)).body['data'] as Answer[];

  it('are made, listed, changed and removed; the secret is told once and stored encrypted', async () => {
    const { id, secret } = await subscribe('/crud', ['key.leaked']);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const shown = await admin('GET', `/webhooks/${id}`);
    expect(shown.body).toMatchObject({ id, events: ['key.leaked'], enabled: true });
    expect(JSON.stringify([shown.body, (await admin('GET', '/webhooks')).body])).not.toContain(secret);
    const database = await new DataSource({ ...databaseOptions(url), entities: [] }).initialize();
    const rows = await database.query<object[]>('select * from webhooks');
    await database.destroy();
    expect(JSON.stringify(rows)).not.toContain(secret.slice(6));
    const changed = await admin('PATCH', `/webhooks/${id}`, { enabled: false, events: ['provider.up'] });
    expect(changed.body).toMatchObject({ enabled: false, events: ['provider.up'], url: `${address}/crud` });
    expect((await admin('DELETE', `/webhooks/${id}`)).status).toBe(204);
    for (const route of [`/webhooks/${id}`, `/webhooks/${id}/deliveries`])
      expect((await admin('GET', route)).status).toBe(404);
  });

  it.each([
    [{ url: 'http://example.com/hook' }, 'url'],
    [{ url: 'https://127.0.0.1/hook' }, 'url'],
    [{ url: 'https://[::ffff:10.0.0.1]/' }, 'url'],
    [{ url: 'https://169.254.169.254/latest' }, 'url'],
    [{ url: 'https://2130706433/' }, 'url'],
    [{ url: 'https://localhost/' }, 'url'],
    [{ url: 'https://user:word@example.com/' }, 'url'],
    [{ url: 'ftp://example.com/', allow_private_network: true }, 'url'],
    [{ url: 'example.com' }, 'url'],
    [{}, 'url'],
    [{ url: 'https://example.com/', events: ['budget.everything'] }, 'events'],
    [{ url: 'https://example.com/', events: [] }, 'events'],
    [{ url: 'https://example.com/', secret: 'mine' }, 'secret'],
  ])('refuses %j and names the field', async (body, param) => {
    const { status, body: answer } = await admin('POST', '/webhooks', body);
    expect({ status, param: (answer['error'] as { param: string } | undefined)?.param }).toEqual({
      status: 400,
      param,
    });
  });

  it('tells each threshold of a period once, signed, however many replicas spend', async () => {
    const { id, secret } = await subscribe('/budget', ['budget.threshold', 'budget.exceeded']);
    const budget = await admin('POST', '/budgets', {
      scope: 'key',
      scope_id: keyId,
      limit_usd: '0.2',
      period: 'total',
      alerts: [0.1, 0.5],
    });
    expect(budget.status).toBe(201);
    await until(async () => {
      // 50 tokens are 5 cents: it is refused before it is spent to the last.
      const statuses = await Promise.all([ask(0, 50), ask(1, 50)]);
      return statuses.includes(429);
    }, 60_000);
    await until(() => at('/budget').length >= 3, 60_000);
    const told = at('/budget').map(({ type, data }) => [type, data['threshold']]);
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        ['budget.threshold', 0.1],
        ['budget.threshold', 0.5],
        ['budget.exceeded', undefined],
      ]),
    );
    for (const { headers, body } of at('/budget')) {
      const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
      const expected = createHmac('sha256', key).update(signed).digest('base64');
      expect(headers['webhook-signature']).toBe(`v1,${expected}`);
      expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(300);
    }
    expect(at('/budget')[0]?.data).toMatchObject({ budget_id: budget.body['id'], scope: 'key', limit_usd: '0.2' });
    await until(async () => (await deliveries(id)).every(({ state }) => state === 'delivered'));
    expect(await deliveries(id)).toHaveLength(3);
    await admin('DELETE', `/budgets/${String(budget.body['id'])}`);
    await admin('DELETE', `/webhooks/${id}`);
    await until(async () => (await ask(0, 5)) === 200);
  });

  it('tells of a live key in a prompt once, and of no other text', async () => {
    const { id } = await subscribe('/leak', ['key.leaked']);
    const broken = apiKey.slice(0, -1) + (apiKey.endsWith('A') ? 'B' : 'A');
    expect(await ask(0, 5, `Why does ${broken} not work, nor gw_? `)).toBe(200);
    for (const index of [0, 1, 0]) expect(await ask(index, 5, `My key is ${apiKey}, does it work?`)).toBe(200);
    await until(() => at('/leak').length > 0);
    expect(at('/leak')[0]).toMatchObject({ type: 'key.leaked', data: { key_id: keyId, where: 'prompt' } });
    expect(JSON.stringify(at('/leak'))).not.toContain(apiKey);
    await until(async () => (await deliveries(id)).every(({ state }) => state === 'delivered'));
    expect(await deliveries(id)).toHaveLength(1);
    await admin('DELETE', `/webhooks/${id}`);
  });

  it('tells of a key that spends far above its habit, once', async () => {
    const { id } = await subscribe('/habit', ['key.anomaly']);
    const database = await new DataSource({ ...databaseOptions(url), entities: [] }).initialize();
    const spend = (key: string, hoursAgo: number, dollars: number): Promise<unknown> =>
      database.query(
        `insert into usage_requests (id, started_at, key_id, key_name, team_id, department_id, endpoint, dialect, stream, status,
           cache_status, attempts, fallback, cost_nano_usd, saved_nano_usd, config_version)
         values (gen_random_uuid()::text, now() - $2 * interval '1 hour', $1, $1, 't', 'd', '/', 'openai', false, 200,
           'miss', 1, false, $3::numeric * 1000000000, 0, '')`,
        [key, hoursAgo, dollars],
      );
    for (const key of ['steady', 'jumping']) for (const hour of [30, 60, 90]) await spend(key, hour, 2);
    for (const [key, dollars] of [
      ['steady', 9],
      ['jumping', 11],
      ['new', 500],
    ] as const)
      await spend(key, 0.1, dollars);
    for (let round = 0; round < 2; round += 1) await database.query('select key_spending_watch()');
    await database.destroy();
    await until(() => at('/habit').length > 0);
    expect(at('/habit').map(({ data }) => data)).toEqual([
      { key_id: 'jumping', name: 'jumping', team_id: 't', last_hour_usd: '11', busiest_hour_usd: '2' },
    ]);
    await admin('DELETE', `/webhooks/${id}`);
  });

  it('tries again until the receiver takes it, and says how it went', async () => {
    const { id } = await subscribe('/outage', ['provider.down', 'provider.up']);
    failures = 1;
    await until(async () => {
      await ask(0, 5, 'Tell me. [[fault:500]]');
      return at('/outage').length > 0;
    }, 60_000);
    await until(async () => (await deliveries(id)).some(({ state }) => state === 'delivered'), 60_000);
    const [down] = at('/outage');
    expect(down).toMatchObject({ type: 'provider.down', data: { provider: 'openai' } });
    const tries = at('/outage').filter(({ type }) => type === 'provider.down');
    expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await deliveries(id)).toContainEqual(
      expect.objectContaining({ event: 'provider.down', state: 'delivered', attempts: 2, status: 204, error: null }),
    );
    await until(async () => {
      await ask(0, 5);
      return at('/outage').some(({ type }) => type === 'provider.up');
    }, 60_000);
    await admin('DELETE', `/webhooks/${id}`);
  });

  it('gives an event up after twelve attempts at a receiver that takes nothing, and asks it no more', async () => {
    const { id } = await subscribe('/dead', ['budget.threshold']);
    const budget = await admin('POST', '/budgets', {
      scope: 'key',
      scope_id: keyId,
      limit_usd: '5',
      period: 'total',
      alerts: [0.01],
    });
    failures = Infinity;
    try {
      await until(async () => {
        await ask(1, 10);
        return at('/dead').length > 0;
      }, 60_000);
      const database = await new DataSource({ ...databaseOptions(url), entities: [] }).initialize();
      // The waits grow to six hours: each next attempt is due at once here.
      await until(async () => {
        await database.query(
          "update webhook_deliveries set next_attempt_at = now() where webhook_id = $1 and state = 'pending' and status is not null",
          [id],
        );
        return (await deliveries(id)).some(({ state }) => state === 'dead');
      }, 60_000);
      expect(await deliveries(id)).toEqual([
        expect.objectContaining({ event: 'budget.threshold', state: 'dead', attempts: 12, status: 500 }),
      ]);
      const tries = at('/dead');
      expect(tries).toHaveLength(12);
      expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
      await database.query('update webhook_deliveries set next_attempt_at = now() where webhook_id = $1', [id]);
      await database.destroy();
    } finally {
      failures = 0;
    }
    // Another event that arrives shows that the couriers have looked since.
    const { id: other } = await subscribe('/alive', ['budget.threshold']);
    await admin('PATCH', `/budgets/${String(budget.body['id'])}`, { alerts: [0.01, 0.011] });
    await until(() => at('/alive').length > 0, 60_000);
    expect(at('/dead').filter(({ data }) => data['threshold'] === 0.01)).toHaveLength(12);
    for (const one of [id, other]) await admin('DELETE', `/webhooks/${one}`);
    await admin('DELETE', `/budgets/${String(budget.body['id'])}`);
  });
});
