import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Child } from '../support/child';
import { FakeUpstream } from '../support/fake-upstream';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';
import { freePort } from '../support/test-redis';
import { until } from '../support/until';

jest.setTimeout(300_000);

const MAIN = path.resolve(__dirname, '../../src/main.ts');
const MODEL = 'gpt-4o-mini';
const CHAT = { model: MODEL, messages: [{ role: 'user', content: 'Hello' }] };
const STREAM = { ...CHAT, stream: true, stream_options: { include_usage: true } };
const USAGE = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };

let number = 0;
/** Every completion of the upstream is another one, so that two answers that are alike are one answer. */
const completion = () =>
  JSON.stringify({
    id: `chatcmpl-${(number += 1)}`,
    object: 'chat.completion',
    created: 1,
    model: MODEL,
    choices: [{ index: 0, message: { role: 'assistant', content: `Answer ${number}` }, finish_reason: 'stop' }],
    usage: USAGE,
  });

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: `chatcmpl-s${number}`, object: 'chat.completion.chunk', created: 1, model: MODEL, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const LAST = `data: ${JSON.stringify({ id: 'chatcmpl-s', object: 'chat.completion.chunk', created: 1, model: MODEL, choices: [], usage: USAGE })}\n\ndata: [DONE]\n\n`;

const sendJson = (response: ServerResponse): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(completion());
const openStream = (response: ServerResponse): void => {
  number += 1;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk({ role: 'assistant', content: '' }) + chunk({ content: `Answer ${number}, first half` }));
};
const endStream = (response: ServerResponse): void =>
  void response.end(chunk({ content: ', second half' }) + chunk({}, 'stop') + LAST);

describe('requests with one idempotency-key', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  const config = (idempotency = '{}') => `
routing: { retries: 0 }
idempotency: ${idempotency}
providers:
  openai: { api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [${MODEL}] }
`;
  beforeAll(async () => {
    upstream = await FakeUpstream.start();
    gateway = await startGateway(config());
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });
  beforeEach(() => {
    upstream.received.length = 0;
    upstream.abandoned = 0;
    upstream.answer = ({ body }, response) => {
      if (!body.includes('"stream":true')) return sendJson(response);
      openStream(response);
      endStream(response);
    };
  });

  const send = (
    key: string,
    body: object = CHAT,
    options: { url?: string; route?: string; signal?: AbortSignal } = {},
  ) =>
    fetch(`${options.url ?? gateway.url}${options.route ?? '/v1/chat/completions'}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${gateway.apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify(body),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  const ask = async (...asked: Parameters<typeof send>) => {
    const response = await send(...asked);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text };
  };
  type Told = { error: { code: string; message: string } };
  const codeOf = ({ text }: { text: string }): string => (JSON.parse(text) as Told).error.code;

  it.each([
    ['/v1/chat/completions', CHAT],
    ['/v1/chat/completions', STREAM],
    ['/v1/messages', { model: MODEL, max_tokens: 50, messages: CHAT.messages }],
    ['/v1/messages', { model: MODEL, max_tokens: 50, messages: CHAT.messages, stream: true }],
    ['/v1/responses', { model: `openai/${MODEL}`, input: 'Hello' }],
  ])('get the same bytes once more, for nothing: %s %j', async (route, body) => {
    upstream.answer = ({ path: asked, body: sent }, response) => {
      if (asked.endsWith('/responses')) {
        const value = {
          id: `resp_${(number += 1)}`,
          object: 'response',
          status: 'completed',
          model: MODEL,
          output: [],
        };
        response.writeHead(200, { 'content-type': 'application/json' });
        return void response.end(JSON.stringify({ ...value, usage: { input_tokens: 9, output_tokens: 3 } }));
      }
      if (!sent.includes('"stream":true')) return sendJson(response);
      openStream(response);
      endStream(response);
    };
    const key = `same-${route}-${JSON.stringify(body).length}`;
    const first = await ask(key, body, { route });
    const again = await ask(key, body, { route });
    expect(first.status).toBe(200);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.text).toBe(first.text);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(again.headers.get('x-gateway-provider')).toBe('openai');
    expect(again.headers.get('x-gateway-attempts')).toBe('0');
    expect(upstream.received).toHaveLength(1);
    const records = await Promise.all(
      [first, again].map(({ headers }) => gateway.recordOf(headers.get('x-request-id')!)),
    );
    expect(Number(records[0]!['cost_usd'])).toBeGreaterThan(0);
    expect(Number(records[1]!['cost_usd'])).toBe(0);
  });

  it('are one call when fifty come at once', async () => {
    let open: (() => void)[] = [];
    upstream.answer = (_, response) => void open.push(() => sendJson(response));
    const all = Array.from({ length: 50 }, () => ask('fifty'));
    await until(() => open.length > 0);
    for (const answer of open) answer();
    open = [];
    const answers = await Promise.all(all);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(49);
    expect(upstream.received).toHaveLength(1);
  });

  it('are refused with 422 when their bodies differ, and go on for the first', async () => {
    const first = await ask('bodies');
    const other = await ask('bodies', { ...CHAT, temperature: 1 });
    expect(other.status).toBe(422);
    expect(codeOf(other)).toBe('idempotency_conflict');
    expect(other.headers.get('x-should-retry')).toBe('false');
    expect((await ask('bodies')).text).toBe(first.text);
    expect(upstream.received).toHaveLength(1);
  });

  it('are apart on other routes and for other API keys', async () => {
    await ask('apart');
    const { body: made } = await gateway.admin('POST', '/departments', { name: 'Apart' });
    const { body: team } = await gateway.admin('POST', '/teams', {
      name: 'apart',
      department_id: (made as { id: string }).id,
    });
    const { body: key } = await gateway.admin('POST', '/keys', { name: 'apart', team_id: (team as { id: string }).id });
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${(key as { secret: string }).secret}`,
        'content-type': 'application/json',
        'idempotency-key': 'apart',
      },
      body: JSON.stringify(CHAT),
    });
    expect(response.status).toBe(200);
    const messages = await ask(
      'apart',
      { model: MODEL, max_tokens: 9, messages: CHAT.messages },
      { route: '/v1/messages' },
    );
    expect(messages.status).toBe(200);
    expect(upstream.received).toHaveLength(3);
  });

  it.each(['', ' ', 'ü', 'x'.repeat(256)])('are refused with 400 when the key is none: "%s"', async (key) => {
    const answer = await ask(Buffer.from(key).toString('latin1'));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('idempotency-key');
    expect(upstream.received).toHaveLength(0);
  });

  it('are tried again after a failure that has cost nothing', async () => {
    upstream.answer = (_, response) => void response.writeHead(500).end('{"error":{"message":"down"}}');
    expect((await ask('failed')).status).toBeGreaterThanOrEqual(500);
    upstream.answer = (_, response) => sendJson(response);
    const second = await ask('failed');
    expect(second.status).toBe(200);
    expect(second.headers.get('idempotent-replayed')).toBeNull();
    expect((await ask('failed')).text).toBe(second.text);
  });

  it('are not paid for twice when the first broke off in the middle of its answer', async () => {
    upstream.answer = (_, response) => {
      openStream(response);
      setImmediate(() => response.destroy());
    };
    const first = await ask('broken', STREAM);
    expect(first.text).toContain('"error"');
    const second = await ask('broken', STREAM);
    expect(second.status).toBe(409);
    expect(codeOf(second)).toBe('idempotency_conflict');
    expect(second.headers.get('x-should-retry')).toBe('false');
    expect(upstream.received).toHaveLength(1);
  });

  it.each([
    ['a stream', STREAM],
    ['a JSON answer', CHAT],
  ])('get %s whose first client left: it is read to its end', async (_, body) => {
    let finish: (() => void) | undefined;
    upstream.answer = (_received, response) => {
      if (body === CHAT) {
        finish = () => sendJson(response);
        return;
      }
      openStream(response);
      finish = () => endStream(response);
    };
    const leaving = new AbortController();
    const key = `left-${JSON.stringify(body).length}`;
    const first = send(key, body, { signal: leaving.signal }).then((response) => response.text());
    await until(() => finish !== undefined);
    leaving.abort();
    await expect(first).rejects.toThrow(/abort/i);
    const second = ask(key, body);
    const third = ask(key, body);
    finish?.();
    const [one, other] = await Promise.all([second, third]);
    expect(one.status).toBe(200);
    expect(one.text).toContain('Answer');
    expect(one.text).toBe(other.text);
    if (body === STREAM) expect(one.text).toContain('data: [DONE]');
    expect(upstream.received).toHaveLength(1);
    expect(upstream.abandoned).toBe(0);
  });

  describe('on two replicas', () => {
    let replica: TestGateway;
    let other: TestGateway;
    let databaseUrl: string;
    const variables = (): Record<string, string> => ({
      DATABASE_URL: databaseUrl,
      REDIS_URL: process.env['TEST_REDIS_URL'] ?? '',
    });
    let outer: TestGateway;
    let victim: Child | undefined;
    beforeAll(async () => {
      databaseUrl = await createTestDatabase();
      replica = await startGateway(config('{ wait: 20s }'), variables());
      other = await startGateway(config('{ wait: 0s }'), variables());
      outer = gateway;
      gateway = replica;
    });
    afterAll(async () => {
      gateway = outer;
      victim?.process.kill('SIGKILL');
      await replica.close();
      await other.close();
    });

    it('are one call, wherever they arrive; who may not wait gets a 409 with a wait', async () => {
      let finish: (() => void) | undefined;
      upstream.answer = (_, response) => {
        openStream(response);
        finish = () => endStream(response);
      };
      const key = `replicas-${process.pid}`;
      const first = ask(key, STREAM, { url: replica.url });
      await until(() => finish !== undefined);
      const impatient = await ask(key, STREAM, { url: other.url });
      expect(impatient.status).toBe(409);
      expect(codeOf(impatient)).toBe('idempotency_conflict');
      expect(Number(impatient.headers.get('retry-after'))).toBeGreaterThan(0);
      finish?.();
      const { text } = await first;
      const again = await ask(key, STREAM, { url: other.url });
      expect(again.text).toBe(text);
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect(upstream.received).toHaveLength(1);
    });

    it('are charged once, though the replica that asked the provider is killed', async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'gateway-idem-'));
      const file = path.join(folder, 'gateway.yaml');
      writeFileSync(file, config('{ wait: 60s }'));
      const port = await freePort();
      victim = Child.run(MAIN, [], {
        env: {
          ...variables(),
          PORT: String(port),
          HOST: '127.0.0.1',
          GATEWAY_CONFIG: file,
          GATEWAY_DATA_DIR: path.join(folder, 'data'),
          GATEWAY_ADMIN_KEY: 'test-admin-key-0123456789abcdef0123456789',
          GATEWAY_SECRET: 'test-secret-0123456789abcdef0123456789abcdef',
          LOG_LEVEL: 'silent',
        },
      });
      const url = `http://127.0.0.1:${port}`;
      await until(
        () =>
          fetch(`${url}/health`).then(
            (health) => health.ok,
            () => false,
          ),
        200_000,
      );
      upstream.answer = (_, response) => openStream(response);
      const key = `killed-${process.pid}`;
      const cut = Array.from({ length: 25 }, () => ask(key, STREAM, { url }).catch(() => null));
      await until(() => upstream.received.length > 0);
      const waiting = Array.from({ length: 25 }, () => ask(key, STREAM, { url: replica.url }));
      await until(async () => (await ask(key, STREAM, { url: other.url })).status === 409);
      victim.process.kill('SIGKILL');
      await victim.exit;
      expect((await Promise.all(cut)).every((answer) => answer === null || !answer.text.includes('[DONE]'))).toBe(true);
      const answers = await Promise.all(waiting);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 409));
      expect(new Set(answers.map(codeOf))).toEqual(new Set(['idempotency_conflict']));
      // For good: what the killed replica was charged for cannot be known any more.
      const later = await ask(key, STREAM, { url: replica.url });
      expect(later.status).toBe(409);
      expect(later.headers.get('x-should-retry')).toBe('false');
      expect(upstream.received).toHaveLength(1);
      rmSync(folder, { recursive: true, force: true });
      guarantee('BUD-9', '50 at once: 1 call, 49 replays; replica killed -9: 1 call, the others 409; other body 422');
    });
  });
});
