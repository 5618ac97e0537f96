import { Redis } from 'ioredis';
import { DoomedRedis } from '../support/doomed-redis';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type InferenceAnswer, type TestGateway } from '../support/gateway';
import { GatewayProcess } from '../support/gateway-process';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

const SECRET = 'test-secret-0123456789abcdef0123456789abcdef';
const DIMENSION = 8;

const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'm-1',
  choices: [{ index: 0, message: { role: 'assistant', content: 'An answer.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
});

const yamlOf = (url: string): string => `
routing: { retries: 0, fallback: none }
providers:
  p: { type: openai-compatible, base_url: "${url}/v1", allow_private_network: true, models: [m, vectors] }
pricing: { unknown: free }
cache:
  enabled: true
  mode: cosine
  similarity_threshold: 0.9
  embeddings: { provider: p, model: vectors, timeout: 300ms }
`;

/** What the encoder of this provider does. */
type Encoder = 'answers' | 'hangs' | 'fails' | 'answers in another dimension';

describe('a cache whose store or encoder is in trouble', () => {
  let redis: DoomedRedis;
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  let other: GatewayProcess;
  let control: Redis;
  let encoder: Encoder = 'answers';
  /** Questions that the provider does not answer. */
  const held = new Set<string>();
  let chats = 0;

  beforeAll(async () => {
    [redis, upstream] = [await DoomedRedis.start(), await FakeUpstream.start()];
    upstream.answer = ({ path, body }, response) => {
      const json = (status: number, text: string): void =>
        void response.writeHead(status, { 'content-type': 'application/json' }).end(text);
      if (path.endsWith('/embeddings')) {
        if (encoder === 'hangs') return;
        if (encoder === 'fails') return json(500, '{"error":{"message":"broken"}}');
        // One direction for all: everything is alike.
        const length = encoder === 'answers' ? DIMENSION : DIMENSION + 1;
        const embedding = Array.from({ length }, () => 1);
        return json(
          200,
          JSON.stringify({ object: 'list', data: [{ index: 0, embedding }], usage: { prompt_tokens: 1 } }),
        );
      }
      chats += 1;
      const { messages } = JSON.parse(body.toString()) as { messages: { content: string }[] };
      if (!held.delete(messages[0]!.content)) json(200, ANSWER);
    };
    const variables = { REDIS_URL: redis.url, DATABASE_URL: await createTestDatabase(), GATEWAY_SECRET: SECRET };
    gateway = await startGateway(yamlOf(upstream.url), variables);
    other = await GatewayProcess.start(yamlOf(upstream.url), variables);
    await other.serves();
    control = new Redis(redis.url);
  });
  afterAll(async () => {
    control.disconnect();
    await Promise.all([gateway.close(), other.stop()]);
    await Promise.all([upstream.close(), redis.kill()]);
  });
  beforeEach(async () => {
    encoder = 'answers';
    await until(async () => (await gateway.admin('POST', '/cache/flush')).status === 204);
  });

  const ask = (content: string, headers: Record<string, string> = {}): Promise<InferenceAnswer> =>
    gateway.post('/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content }] }, headers);
  const cacheOf = ({ status, headers }: InferenceAnswer): string =>
    status === 200 ? `${headers.get('x-gateway-cache')}` : String(status);
  /** An answer is stored beside the next request, so it may come a moment too early. */
  const untilHit = (content: string): Promise<void> => until(async () => cacheOf(await ask(content)) === 'hit');
  const metric = async (line: RegExp): Promise<number> =>
    Number(line.exec(await (await fetch(`${gateway.url}/metrics`)).text())?.[1] ?? 0);
  const vectors = async (): Promise<number> =>
    ((await gateway.admin('GET', '/cache')).body as { vectors: number }).vectors;
  const whyNotCompared = async ({ headers }: InferenceAnswer): Promise<unknown> => {
    const record = await gateway.recordOf(String(headers.get('x-request-id')));
    const decisions = record['decisions'] as { what: string; facts: { why?: string } }[];
    return decisions.find(({ what }) => what === 'not_compared')?.facts.why;
  };

  it('a slow Redis: requests go on without it, visibly, and use it again when it is quick', async () => {
    await ask('what is slow?');
    await untilHit('what is slow?');
    const failures = /gateway_cache_store_failures_total\{operation="find"\} (\d+)/;
    const before = await metric(failures);
    await control.call('CLIENT', 'PAUSE', '2000', 'ALL');
    const startedMs = performance.now();
    const answers: InferenceAnswer[] = [];
    for (let count = 0; count < 6; count += 1) answers.push(await ask('what is slow?'));
    console.info(
      `6 requests beside a Redis that answers after 2 s took ${(performance.now() - startedMs).toFixed(0)} ms`,
    );
    expect(answers.map(cacheOf)).toContain('bypass');
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.find((answer) => cacheOf(answer) === 'bypass')?.headers.get('cache-status')).toContain('store_away');
    expect(await metric(failures)).toBeGreaterThan(before);
    await untilHit('what is slow?');
  });

  it('a wiped Redis: what was stored is asked for anew and stored again, similar questions too', async () => {
    await ask('what is wiped?');
    await until(async () => (await vectors()) === 1);
    await until(
      async () => cacheOf(await ask('what has gone?', { 'cache-control': 'only-if-cached' })) === 'semantic-hit',
    );
    await control.flushall();
    expect(cacheOf(await ask('what has gone?'))).toBe('miss');
    await untilHit('what has gone?');
    await until(
      async () => cacheOf(await ask('what is back?', { 'cache-control': 'only-if-cached' })) === 'semantic-hit',
    );
  });

  it.each<[Encoder, string]>([
    ['hangs', 'late'],
    ['fails', 'failed'],
    ['answers in another dimension', 'failed'],
  ])('an encoder that %s: a miss, which says %s', async (trouble, why) => {
    await ask(`the first before it ${trouble}`);
    await until(async () => (await vectors()) === 1);
    encoder = trouble;
    const answer = await ask(`the second while it ${trouble}`);
    expect(cacheOf(answer)).toBe('miss');
    expect(await whyNotCompared(answer)).toBe(why);
    await untilHit(`the second while it ${trouble}`);
    encoder = 'answers';
    await until(
      async () =>
        cacheOf(await ask(`the third after it ${trouble}`, { 'cache-control': 'only-if-cached' })) === 'semantic-hit',
    );
  });

  it('a replica that is killed while others wait for its answer: they wait no longer than its lease', async () => {
    const question = 'who answers when I am dead?';
    held.add(question);
    const before = chats;
    const body = { model: 'm', messages: [{ role: 'user', content: question }] };
    const dying = other.ask(body, gateway.apiKey).catch(() => null);
    await until(() => chats === before + 1);
    const startedMs = performance.now();
    const waiting = [ask(question), ask(question)];
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(chats).toBe(before + 1);
    other.child.process.kill('SIGKILL');
    await dying;
    const answers = await Promise.all(waiting);
    console.info(`the leader died: its followers were answered after ${(performance.now() - startedMs).toFixed(0)} ms`);
    expect(answers.map(cacheOf).sort()).toEqual(['hit', 'miss']);
    expect(chats).toBe(before + 2);
  });
});
