import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { Child } from '../support/child';
import { FakeUpstream } from '../support/fake-upstream';
import { createTestDatabase } from '../support/test-database';

const CANARIES = {
  providerKey: 'sk-canary-provider-5f2d9c1e7a',
  adminKey: 'canary-admin-key-0123456789abcdef0123456789abcdef',
  secret: 'canary-pepper-0123456789abcdef0123456789abcdef',
  password: 'canary-admin-password-77',
  cookie: 'canary-cookie-31337',
  prompt: 'canary-prompt-the-merger-is-on-friday',
  answer: 'canary-answer-nobody-may-read-this',
  query: 'canary-query-token',
  system: 'canary-system-prompt-internal',
};

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const entry = path.join(folder, name);
    return statSync(entry).isDirectory() ? filesUnder(entry) : [entry];
  });
}

it('no secret, prompt or answer in logs, errors, rows, metrics or the journal, at the most talkative level (SEC-6)', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gateway-canary-'));
  const upstream = await FakeUpstream.start();
  const modes = ['ok', 'stream', 'cut', 'error', 'html', 'reset', 'key'] as const;
  upstream.answer = ({ body }, response) => {
    const { mode } = (JSON.parse(body.toString()) as { metadata: { mode: (typeof modes)[number] } }).metadata;
    const chunk = `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"${CANARIES.answer}"},"finish_reason":null}]}\n\n`;
    if (mode === 'stream' || mode === 'cut') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'set-cookie': CANARIES.cookie });
      response.write(chunk);
      if (mode === 'cut') setTimeout(() => response.destroy(), 20);
      else response.end(chunk.replace('null}]', '"stop"}]') + 'data: [DONE]\n\n');
      return;
    }
    if (mode === 'reset') return void response.socket?.resetAndDestroy();
    if (mode === 'html')
      return void response.writeHead(502, { 'content-type': 'text/html' }).end(`<html>${CANARIES.answer}</html>`);
    if (mode === 'error')
      return void response
        .writeHead(500, { 'content-type': 'application/json' })
        .end('{"error":{"message":"boom","type":"server_error"}}');
    if (mode === 'key') {
      const message = `Incorrect API key provided: ${CANARIES.providerKey}.`;
      return void response
        .writeHead(401, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message, type: 'invalid_request_error', code: 'invalid_api_key' } }));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        id: 'c',
        object: 'chat.completion',
        created: 1,
        model: 'gpt-4o-mini',
        choices: [{ index: 0, message: { role: 'assistant', content: CANARIES.answer }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 },
      }),
    );
  };
  const file = path.join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    `server: { lame_duck: 0s }
providers: { openai: { api_key: "\${UPSTREAM_KEY}", base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o-mini], timeouts: { idle: 2s } } }
`,
  );
  const database = await createTestDatabase();
  const dataDir = path.join(folder, 'data');
  const child = Child.run(path.resolve(__dirname, '../../src/main.ts'), [], {
    env: {
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_LEVEL: 'trace',
      GATEWAY_CONFIG: file,
      GATEWAY_DATA_DIR: dataDir,
      DATABASE_URL: database,
      GATEWAY_ADMIN_KEY: CANARIES.adminKey,
      GATEWAY_ADMIN_PASSWORD: CANARIES.password,
      GATEWAY_SECRET: CANARIES.secret,
      UPSTREAM_KEY: CANARIES.providerKey,
    },
  });
  await child.printed(/Try it:/);
  const [, url] = /listening on http:\/\/localhost(:\d+)/.exec(child.text) ?? [];
  const base = `http://127.0.0.1${url}`;
  const { api_key: apiKey } = JSON.parse(readFileSync(path.join(dataDir, 'first-run.json'), 'utf8')) as {
    api_key: string;
  };
  const shown: string[] = [];
  for (const mode of modes) {
    for (const stream of mode === 'ok' ? [false] : mode === 'stream' || mode === 'cut' ? [true] : [false, true]) {
      const response = await fetch(`${base}/v1/chat/completions?token=${CANARIES.query}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', cookie: CANARIES.cookie },
        body: JSON.stringify({
          model: 'gpt-4o-mini',
          stream,
          metadata: { mode },
          messages: [
            { role: 'system', content: CANARIES.system },
            { role: 'user', content: CANARIES.prompt },
          ],
        }),
      });
      const text = await response.text();
      if (response.status !== 200) shown.push(text);
      shown.push(JSON.stringify([...response.headers]));
    }
  }
  // Broken bodies, keys and routes must not be quoted either.
  for (const [route, body, key] of [
    ['/v1/chat/completions', `{"messages":"${CANARIES.prompt}"`, apiKey],
    ['/v1/chat/completions', '{}', `gw_${CANARIES.cookie}`],
    [`/nothing/${CANARIES.query}`, '{}', apiKey],
    ['/api/v1/keys', `{"name":"${CANARIES.prompt}`, CANARIES.adminKey],
  ] as const) {
    const response = await fetch(base + route, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBeGreaterThanOrEqual(400);
    shown.push(await response.text());
  }
  shown.push(await (await fetch(`${base}/metrics`)).text());
  const config = await fetch(`${base}/api/v1/config`, { headers: { authorization: `Bearer ${CANARIES.adminKey}` } });
  shown.push(await config.text());
  await sleep(800);
  const client = new Client({ connectionString: database });
  await client.connect();
  const { rows: tables } = await client.query<{ name: string }>(
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  let dump = '';
  for (const { name } of tables) dump += JSON.stringify((await client.query(`select t::text from ${name} t`)).rows);
  await client.end();
  expect(dump).toContain('gpt-4o-mini');
  child.process.kill('SIGTERM');
  expect(await child.exit).toBe(0);
  // The one place where the first start shows and keeps what it made.
  const journal = filesUnder(dataDir)
    .filter((entry) => !entry.endsWith('first-run.json'))
    .map((entry) => readFileSync(entry, 'latin1'))
    .join('\n');
  const logs = child.text.split('\n').filter((line) => line.startsWith('{'));
  expect(logs.length).toBeGreaterThan(10);
  const places = { logs: logs.join('\n'), answers: shown.join('\n'), database: dump, journal };
  const secrets = { ...CANARIES, apiKey, keySecret: apiKey.slice(12, 44) };
  const hits = Object.entries(places).flatMap(([place, text]) =>
    Object.entries(secrets)
      .filter(([, secret]) => text.includes(secret))
      .map(([name]) => `${name} in ${place}`),
  );
  console.log(
    `canaries: ${Object.keys(secrets).length} secrets, ${Object.keys(places).length} places, ${hits.length} hits`,
  );
  expect(hits).toEqual([]);
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});
