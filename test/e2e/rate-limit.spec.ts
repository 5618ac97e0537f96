import { setTimeout as sleep } from 'node:timers/promises';
import { HIGHEST_LIMITS } from '../../src/core/highest-limits';
import { DoomedRedis } from '../support/doomed-redis';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

const completion = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 },
};

describe('limits', () => {
  let upstream: FakeUpstream;
  /** Not the run's: how many replicas there are is part of what is tested. */
  let redis: DoomedRedis;
  /** Two replicas of one gateway: one database, one Redis. */
  let gateways: [TestGateway, TestGateway];
  let departmentId: string;
  let names = 0;

  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    redis = await DoomedRedis.start();
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(completion));
    };
    const yaml = `
providers:
  openai: { api_key: sk-upstream, base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o, gpt-4o-mini] }
rate_limits:
  default: { requests_per_minute: 1000, tokens_per_minute: 1000000 }
  models: { gpt-4o: { requests_per_minute: 1 } }
`;
    const variables = { DATABASE_URL: await createTestDatabase(), REDIS_URL: redis.url };
    const first = await startGateway(yaml, variables);
    gateways = [first, await startGateway(yaml, variables)];
    const created = await first.admin('POST', '/departments', { name: 'limits' });
    departmentId = (created.body as { id: string }).id;
  });
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.close()));
    await Promise.all([upstream.close(), redis.kill()]);
  });

  const made = async (route: string, body: object): Promise<{ id: string; secret: string }> => {
    const { status, body: answer } = await gateways[0].admin('POST', route, body);
    expect(status).toBe(201);
    return answer as { id: string; secret: string };
  };
  const team = async (limits: object | null) => {
    names += 1;
    const { id } = await made('/teams', { name: `team ${names}`, department_id: departmentId, limits });
    return {
      id,
      name: `team ${names}`,
      key: async (own?: object) => made('/keys', { name: 'k', team_id: id, limits: own }),
    };
  };
  const call = async (secret: string, at = 0, change: object = {}, route = '/v1/chat/completions') => {
    const response = await fetch(`${gateways[at]!.url}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-4o-mini',
        max_tokens: 50,
        messages: [{ role: 'user', content: 'hi' }],
        ...change,
      }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, never>,
    };
  };

  it('holds the limit of a team over its keys and over both replicas, and says whose it is', async () => {
    const { key, name } = await team({ requests_per_minute: 6 });
    const secrets = [(await key()).secret, (await key()).secret];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => call(secrets[index % 2]!, (index >> 1) % 2)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(6);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(14);
    expect(refused[0]!.body).toMatchObject({
      error: {
        code: 'rate_limit_exceeded',
        message: expect.stringContaining(`team "${name}": 6 requests per minute are used up`),
      },
    });
    const headers = refused[0]!.headers;
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(50);
    expect(Number(headers.get('retry-after-ms'))).toBeLessThanOrEqual(61_000);
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(headers.get('x-gateway-error-source')).toBe('gateway');
  });

  it('tells what is left, in both dialects', async () => {
    const { key } = await team({ requests_per_minute: 10 });
    const { secret } = await key({ tokens_per_minute: 5_000 });
    const openAi = await call(secret);
    expect(openAi.headers.get('x-ratelimit-limit-requests')).toBe('10');
    expect(openAi.headers.get('x-ratelimit-remaining-requests')).toBe('9');
    expect(openAi.headers.get('x-ratelimit-limit-tokens')).toBe('5000');
    expect(openAi.headers.get('x-ratelimit-reset-requests')).toMatch(/^1m[01]s$/);
    const anthropic = await call(secret, 0, {}, '/v1/messages');
    expect(anthropic.headers.get('anthropic-ratelimit-requests-remaining')).toBe('8');
    expect(anthropic.headers.get('anthropic-ratelimit-tokens-reset')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('counts the tokens that the provider counted, and shows the use of every window', async () => {
    const { id, key } = await team({ tokens_per_minute: 5_000, max_concurrency: 3 });
    const { secret } = await key();
    for (let index = 0; index < 3; index += 1) expect((await call(secret, index % 2)).status).toBe(200);
    const use = async () => (await gateways[1].admin('GET', `/limits/team/${id}`)).body;
    const expected = {
      scope: 'team',
      id,
      requests: { limit: null, remaining: null },
      tokens: { limit: 5_000, used: 126, remaining: 4_874, window_seconds: 60 },
      concurrency: { limit: 3, used: 0, remaining: 3 },
      degraded: false,
    };
    // What a call did not use is given back a moment after its end.
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const { tokens, concurrency } = (await use()) as { tokens: { used: number }; concurrency: { used: number } };
      if (tokens.used === 126 && concurrency.used === 0) break;
      await sleep(20);
    }
    expect(await use()).toMatchObject(expected);
  });

  it('holds the limit of a department over its teams and replicas, takes a changed one within a second', async () => {
    const department = await made('/departments', { name: 'limited', limits: { requests_per_minute: 3 } });
    expect(department).toMatchObject({ limits: { requests_per_minute: 3 } });
    const secrets: string[] = [];
    for (const name of ['one', 'two']) {
      const { id } = await made('/teams', { name, department_id: department.id });
      secrets.push((await made('/keys', { name, team_id: id })).secret);
    }
    const askAll = () =>
      Promise.all(Array.from({ length: 8 }, (_, index) => call(secrets[index % 2]!, (index >> 1) % 2)));
    const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status).sort((a, b) => a - b);
    const first = await askAll();
    expect(statuses(first)).toEqual([200, 200, 200, 429, 429, 429, 429, 429]);
    expect(first.find(({ status }) => status === 429)!.body).toMatchObject({
      error: { message: expect.stringContaining('department "limited": 3 requests per minute are used up') },
    });
    const route = `/departments/${department.id}`;
    expect((await gateways[1].admin('PATCH', route, { limits: { requests_per_minute: 5 } })).body).toMatchObject({
      limits: { requests_per_minute: 5 },
    });
    await sleep(900);
    expect(statuses(await askAll())).toEqual([200, 200, 429, 429, 429, 429, 429, 429]);
    expect((await gateways[0].admin('GET', `/limits/department/${department.id}`)).body).toMatchObject({
      scope: 'department',
      requests: { limit: 5, used: 5, remaining: 0 },
    });
    // A new name leaves the limits alone; null takes them away.
    expect((await gateways[0].admin('PATCH', route, { name: 'renamed' })).body).toMatchObject({
      name: 'renamed',
      limits: { requests_per_minute: 5 },
    });
    expect((await gateways[0].admin('PATCH', route, { limits: null })).body).toMatchObject({ limits: null });
    await sleep(900);
    expect(statuses(await askAll())).toEqual([200, 200, 200, 200, 200, 200, 200, 200]);
    expect((await gateways[0].admin('GET', '/departments')).body).toMatchObject({
      data: expect.arrayContaining([{ ...department, name: 'renamed', limits: null }]),
    });
  });

  it('takes a changed limit within a second, without a restart', async () => {
    const { id, key } = await team({ requests_per_minute: 2 });
    const { secret } = await key();
    await call(secret);
    await call(secret);
    expect((await call(secret)).status).toBe(429);
    await gateways[0].admin('PATCH', `/teams/${id}`, { limits: { requests_per_minute: 4 } });
    await sleep(900);
    expect((await call(secret)).status).toBe(200);
    expect((await call(secret, 1)).status).toBe(200);
    expect((await call(secret, 1)).status).toBe(429);
  });

  it('breaks nothing in flight when a limit is lowered below the use, and denies from then on', async () => {
    const { id, key } = await team({ requests_per_minute: 10, max_concurrency: 5 });
    const { secret } = await key();
    const usual = upstream.answer;
    const held: (() => void)[] = [];
    upstream.answer = (request, response) => void held.push(() => usual(request, response));
    const running = [call(secret), call(secret, 1), call(secret)];
    await until(() => held.length === 3);
    upstream.answer = usual;
    await gateways[0].admin('PATCH', `/teams/${id}`, { limits: { requests_per_minute: 2, max_concurrency: 1 } });
    await until(async () => (await call(secret)).status === 429);
    await until(async () => (await call(secret, 1)).status === 429);
    for (const answer of held) answer();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200]);
    const { status, body } = await call(secret);
    expect(status).toBe(429);
    expect(body).toMatchObject({ error: { message: expect.stringContaining('2 requests per minute are used up') } });
  });

  it('limits a model for everybody, and puts what each level had left on record', async () => {
    const { key } = await team(null);
    const [first, second] = [(await key({ max_concurrency: 3 })).secret, (await key()).secret];
    const served = await call(first, 0, { model: 'gpt-4o' });
    expect(served.status).toBe(200);
    expect((await call(second, 1, { model: 'gpt-4o' })).body).toMatchObject({
      error: { message: expect.stringContaining('model "gpt-4o"') },
    });
    const record = await gateways[0].recordOf(served.headers.get('x-request-id') ?? '');
    expect(JSON.stringify(record)).toContain('"remaining":999');
    const [slots = '{}'] = /\{[^{}]*"concurrency"[^{}]*\}/.exec(JSON.stringify(record)) ?? [];
    expect(JSON.parse(slots)).toMatchObject({ scope: 'key', limit: 3, remaining: 2 });
  });

  it('sends the bound that it reserved to the provider when the client set none', async () => {
    const { key } = await team({ tokens_per_minute: 4_000 });
    const { secret } = await key();
    expect((await call(secret, 0, { max_tokens: undefined })).status).toBe(200);
    expect(upstream.lastJson()).toMatchObject({ max_completion_tokens: 1_000 });
    expect((await call(secret, 0, { max_tokens: 70 })).status).toBe(200);
    expect(upstream.lastJson()).toMatchObject({ max_tokens: 70 });
  });

  it('says that a request is too large for its limit, and that trying again is useless', async () => {
    const { key } = await team({ tokens_per_minute: 100 });
    const { status, headers, body } = await call((await key()).secret, 0, { max_tokens: 5_000 });
    expect(status).toBe(429);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(headers.get('retry-after')).toBeNull();
    expect(body).toMatchObject({ error: { message: expect.stringContaining('can never be admitted') } });
  });

  it.each([
    [{ requests_per_minute: -1 }],
    [{ requests_per_minute: 0 }],
    [{ requests_per_minute: 1.5 }],
    [{ requests_per_minute: '60' }],
    [{ requests_per_minute: true }],
    [{ requests_per_minute: [] }],
    [{ tokens_per_minute: 1e30 }],
    [{ tokens_per_minute: 2 ** 53 }],
    [{ max_concurrency: 1_000_001 }],
    [{ max_concurrency: 0 }],
    [{ requests_per_second: 5 }],
  ])('refuses the limits %j with a message, wherever they are set', async (limits) => {
    const { id } = await team(null);
    for (const [method, route, body] of [
      ['POST', '/departments', { name: 'refused', limits }],
      ['PATCH', `/departments/${departmentId}`, { limits }],
      ['POST', '/teams', { name: 'refused', department_id: departmentId, limits }],
      ['PATCH', `/teams/${id}`, { limits }],
      ['POST', '/keys', { name: 'refused', team_id: id, limits }],
      ['POST', '/users', { email: 'refused@example.com', name: 'refused', team_ids: [id], role: 'member', limits }],
    ] as const) {
      const answer = await gateways[0].admin(method, route, body);
      expect({ route, status: answer.status }).toEqual({ route, status: 400 });
      expect(JSON.stringify(answer.body)).toContain(Object.keys(limits)[0]);
    }
  });

  it('takes the highest limits that the configuration takes', async () => {
    const limits = {
      requests_per_minute: HIGHEST_LIMITS.requestsPerMinute,
      tokens_per_minute: HIGHEST_LIMITS.tokensPerMinute,
      max_concurrency: HIGHEST_LIMITS.maxConcurrency,
    };
    const { key } = await team(limits);
    expect((await call((await key(limits)).secret)).status).toBe(200);
  });

  it.each([
    ['/limits/planet/earth', 400],
    ['/limits/team/team_nothing', 404],
    ['/limits/team/team_01kb3v0000abcdefghjkmnpqrs', 404],
    ['/limits/model/gpt-4o-mini', 404],
    ['/limits/model/gpt-4o', 200],
    ['/limits/key/constructor', 404],
    ['/limits/organization/main', 200],
    ['/limits/organization/other', 404],
  ])('GET %s → %d', async (route, status) => {
    expect((await gateways[0].admin('GET', route)).status).toBe(status);
  });

  it('says where limits are counted', async () => {
    const ready = (await (await fetch(`${gateways[0].url}/health/ready`)).json()) as object;
    expect(ready).toMatchObject({
      dependencies: { rate_limits: { status: 'up', detail: 'counted in Redis by 2 replica(s)' } },
    });
  });
});
