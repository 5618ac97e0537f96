import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { startGateway, type TestGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { TestRedis } from '../support/test-redis';
import { until } from '../support/until';

const GPT = 'gpt-4o-mini';

describe('two replicas on one Redis', () => {
  let directory: string;
  let redis: TestRedis;
  let simulator: Simulator;
  let replicas: [TestGateway, TestGateway];

  beforeAll(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'cache-redis-'));
    [redis, simulator] = await Promise.all([TestRedis.start(directory), startSimulator({ speed: 0 })]);
    const yaml = `
routing: { retries: 0, fallback: none }
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${GPT}] }
cache: { enabled: true, mode: balanced, similarity_threshold: 0.85, embeddings: { timeout: 10s } }
`;
    const variables = { REDIS_URL: redis.url, DATABASE_URL: await createTestDatabase() };
    replicas = [await startGateway(yaml, variables), await startGateway(yaml, variables)];
    // Redis has its scripts and both encoders have their models.
    await until(async () => (await ask(0, 'warm')).cache === 'hit' && (await ask(1, 'warm')).cache === 'hit', 60_000);
  });
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.close()));
    await Promise.all([simulator.close(), redis.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask(replica: number, content: string, headers: Record<string, string> = {}, more: object = {}) {
    const startedAt = performance.now();
    const response = await fetch(`${replicas[replica]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${replicas[0].apiKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: GPT, messages: [{ role: 'user', content }], ...more }),
    });
    const text = await response.text();
    const requestId = String(response.headers.get('x-request-id'));
    const cache = response.headers.get('x-gateway-cache');
    return { status: response.status, cache, text, requestId, tookMs: performance.now() - startedAt };
  }

  async function storeFailures(): Promise<number> {
    const texts = await Promise.all(replicas.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    const counts = texts.flatMap((text) => [...text.matchAll(/^gateway_cache_store_failures_total\{.*\} (\d+)$/gm)]);
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  it('what one has answered the other replays, to the letter', async () => {
    const before = simulator.journal().length;
    const first = await ask(0, 'what do replicas share?');
    const second = await ask(1, 'What do replicas share');
    expect([first.cache, second.cache]).toEqual(['miss', 'hit']);
    expect((JSON.parse(second.text) as { choices: unknown }).choices).toEqual(
      (JSON.parse(first.text) as { choices: unknown }).choices,
    );
    expect(simulator.journal()).toHaveLength(before + 1);
  });

  it('a question of the same words finds the answer of the other replica', async () => {
    await ask(0, 'How do I clean a leather garden chair?');
    const alike = 'How can I clean a leather garden chair?';
    await until(async () => (await ask(1, alike, { 'cache-control': 'only-if-cached' })).cache === 'semantic-hit');
  });

  it('a question in other words finds the answer of the other replica, by its vector', async () => {
    await ask(0, 'What are the advantages of microservices?');
    const paraphrase = 'What are the benefits of using microservices?';
    await until(async () => {
      const { body } = await replicas[1].admin('GET', '/cache');
      return (body as { vectors: number }).vectors >= 1;
    });
    await until(async () => (await ask(1, paraphrase, { 'cache-control': 'only-if-cached' })).cache === 'semantic-hit');
    expect((await ask(1, 'What are the disadvantages of microservices?')).cache).toBe('miss');
  });

  it('the same question on both replicas at the same time is asked once, streams too', async () => {
    let answers: Awaited<ReturnType<typeof ask>>[] = [];
    let before = 0;
    // A Redis that does not answer in time lets everybody ask for himself: such a round proves nothing.
    for (let round = 0, failures = -1; failures !== (await storeFailures()); round += 1) {
      failures = await storeFailures();
      before = simulator.journal().length;
      const content = `who is asked in round ${round}? [[fault:delay=400]]`;
      answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => ask(index % 2, content, {}, { stream: index % 3 === 0 })),
      );
    }
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(simulator.journal().length).toBe(before + 1);
    expect(answers.filter(({ cache }) => cache === 'miss')).toHaveLength(1);
    expect(answers.filter(({ cache }) => cache === 'hit')).toHaveLength(11);
  });

  it('a request that its limits refuse is looked up in vain: it counts as nothing and keeps no lease', async () => {
    const client = new Redis(redis.url);
    const { body: account } = await replicas[0].admin('GET', '/keys');
    const [{ team_id: teamId }] = (account as { data: [{ team_id: string }] }).data;
    const limits = { requests_per_minute: 1 };
    const { body } = await replicas[0].admin('POST', '/keys', { name: 'one a minute', team_id: teamId, limits });
    const authorization = `Bearer ${(body as { secret: string }).secret}`;
    expect((await ask(0, 'what is refused?', { authorization })).status).toBe(200);
    const counted = async (): Promise<unknown> => {
      const { misses, hits } = (await replicas[0].admin('GET', '/cache')).body as Record<string, unknown>;
      return { misses, hits, leases: await client.keys('*:cache}:f:*') };
    };
    await until(async () => (await client.keys('*:cache}:f:*')).length === 0);
    const before = await counted();
    const lookedUp: string[] = [];
    const monitor = await client.monitor();
    monitor.on('monitor', (_: string, words: string[]) => {
      // Only a look-up takes a lease, by a token.
      if (words.includes('{gateway:cache}:index') && words.includes('6000')) lookedUp.push(words[0]!);
    });
    const refused = [
      await ask(0, 'what else is refused?', { authorization }),
      await ask(0, 'what is refused?', { authorization }),
    ];
    expect(refused.map(({ status, cache }) => [status, cache])).toEqual([
      [429, 'bypass'],
      [429, 'bypass'],
    ]);
    // By itself a lease ends after six seconds.
    await until(async () => (await client.keys('*:cache}:f:*')).length === 0, 2_000);
    expect(await counted()).toEqual(before);
    // The second refusal is remembered: the store is not asked for that.
    expect(lookedUp).toHaveLength(1);
    monitor.disconnect();
    client.disconnect();
  });

  it('one idempotency key on both replicas at the same time is one call, and nobody waits for a lease', async () => {
    for (let round = 0; round < 6; round += 1) {
      const before = simulator.journal().length;
      const headers = { 'idempotency-key': `round-${round}` };
      const content = `which of the replicas asks in round ${round}?`;
      const answers = await Promise.all([ask(0, content, headers), ask(1, content, headers)]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(simulator.journal().length).toBe(before + 1);
      expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(5_500);
    }
  });

  it('a replica that died with the question holds the other up no longer than its lease', async () => {
    const client = new Redis(redis.url);
    const question = 'who answers for the dead?';
    const first = await ask(0, question);
    expect(first.cache).toBe('miss');
    const [key] = await client.keys('*:cache}:e:*');
    await replicas[0].admin('POST', '/cache/flush');
    expect(key).toBeDefined();
    // The id of that question is not told to anybody; every possible lease is taken for a second instead.
    const ids = (await client.keys('*:cache}:e:*')).map((name) => name.split(':').at(-1)!);
    for (const id of ids) await client.set(`{gateway:cache}:f:${id}`, 'somebody else', 'PX', 1_000);
    const again = await ask(1, question);
    expect({ status: again.status, cache: again.cache }).toEqual({ status: 200, cache: 'miss' });
    expect(again.tookMs).toBeGreaterThan(300);
    client.disconnect();
  });

  it('a verdict reaches the answer from any replica', async () => {
    await ask(0, 'which answer is wrong here?');
    const hit = await ask(0, 'which answer is wrong here?');
    expect(hit.cache).toBe('hit');
    await replicas[0].recordOf(hit.requestId);
    const verdict = await fetch(`${replicas[1].url}/v1/cache/feedback`, {
      method: 'POST',
      headers: { authorization: `Bearer ${replicas[0].apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ request_id: hit.requestId, verdict: 'wrong' }),
    });
    expect(verdict.status).toBe(200);
    expect((await ask(1, 'which answer is wrong here?')).cache).toBe('miss');
  });

  it('each shows what both have counted, over the hours that are asked for', async () => {
    type Counts = { hits: Record<string, number>; misses: number; since: string };
    const counts = async (replica: number, query = ''): Promise<Counts> => {
      const { body } = await replicas[replica]!.admin('GET', `/cache${query}`);
      const { hits, misses, since } = body as Counts;
      return { hits, misses, since };
    };
    await Promise.all([counts(0), counts(1)]);
    const before = await counts(0);
    expect((await ask(0, 'what do both count?')).cache).toBe('miss');
    expect((await ask(1, 'what do both count?')).cache).toBe('hit');
    const own = await counts(0);
    // A replica says what it has counted when it is asked; the others say it every few seconds.
    await until(async () => (await counts(0)).hits['exact'] === before.hits['exact']! + 1);
    expect(own.misses).toBe(before.misses + 1);
    const [one, other] = [await counts(0), await counts(1)];
    expect(other).toEqual(one);
    const lastHour = await counts(1, '?hours=1');
    expect(Date.now() - Date.parse(lastHour.since)).toBeLessThan(3_700_000);
    expect(Date.parse(lastHour.since) - Date.parse(one.since)).toBe(167 * 3_600_000);
    for (const hours of ['0', '169', '1.5', 'all']) {
      expect((await replicas[0].admin('GET', `/cache?hours=${hours}`)).status).toBe(400);
    }
  });

  it('a flush on one empties both', async () => {
    await ask(0, 'is this flushed?');
    expect((await replicas[1].admin('POST', '/cache/flush')).status).toBe(204);
    expect((await ask(0, 'is this flushed?')).cache).toBe('miss');
    expect((await replicas[0].admin('GET', '/cache')).body).toMatchObject({ entries: 1 });
  });

  it('with Redis gone every request is answered all the same, and the failures are counted', async () => {
    await ask(0, 'what if the store dies?');
    await redis.stop();
    const answers = [];
    for (let index = 0; index < 12; index += 1) answers.push(await ask(index % 2, 'what if the store dies?'));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ cache }) => cache))).toEqual(new Set(['bypass']));
    const metrics = await (await fetch(`${replicas[0].url}/metrics`)).text();
    expect(metrics).toMatch(/gateway_cache_store_failures_total\{operation="find"\} [1-9]/);
    const slowest = Math.max(...answers.map(({ tookMs }) => tookMs));
    console.info(`12 requests without Redis, the slowest took ${slowest.toFixed(0)} ms`);
  });
});
