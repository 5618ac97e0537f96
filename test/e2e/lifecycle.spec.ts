import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../support/child';
import { FakeUpstream } from '../support/fake-upstream';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

jest.setTimeout(180_000);

const MAIN = path.resolve(__dirname, '../../src/main.ts');
const folders: string[] = [];
const children: Child[] = [];

function temporary(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gateway-life-'));
  folders.push(folder);
  return folder;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function start(env: Record<string, string>): Child {
  const child = Child.run(MAIN, [], { env });
  children.push(child);
  return child;
}

afterAll(async () => {
  for (const child of children) {
    child.process.kill('SIGINT');
    await Promise.race([child.exit, sleep(20_000)]);
    child.process.kill('SIGKILL');
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const SHIPPED = path.resolve(__dirname, '../../config/gateway.yaml');

describe('npm start on a machine with only Node', () => {
  const dataDir = temporary();
  let port: number;
  let secrets: { admin_email: string; admin_password: string; api_key: string; admin_key: string };
  const environment = (): Record<string, string> => ({
    PORT: String(port),
    HOST: '127.0.0.1',
    GATEWAY_DATA_DIR: dataDir,
    GATEWAY_CONFIG: SHIPPED,
  });
  const api = async (route: string): Promise<Record<string, unknown>> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1${route}`, {
      headers: { authorization: `Bearer ${secrets.admin_key}` },
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const ask = () =>
    fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secrets.api_key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] }),
    });
  const rowsOf = async (): Promise<{ id: string; cost_usd: string; status: number }[]> =>
    (await api('/requests?limit=200'))['data'] as { id: string; cost_usd: string; status: number }[];
  const until = async (condition: () => Promise<boolean>): Promise<void> => {
    for (let attempt = 0; attempt < 200 && !(await condition()); attempt += 1) await sleep(50);
  };
  let gateway: Child;

  beforeAll(async () => {
    port = await freePort();
    gateway = start(environment());
    await gateway.printed(/Try it:/);
    secrets = JSON.parse(readFileSync(path.join(dataDir, 'first-run.json'), 'utf8')) as typeof secrets;
  });

  it('prints a call that works, and the secrets it made, once', async () => {
    await gateway.printed(/curl [\s\S]*-d '.*'/);
    const [, url] = /curl (\S+)/.exec(gateway.text) ?? [];
    const [, key] = /Bearer (gw_\S+)"/.exec(gateway.text) ?? [];
    const [, body] = /-d '(.*)'/.exec(gateway.text) ?? [];
    expect(key).toBe(secrets.api_key);
    expect(gateway.text).toContain(secrets.admin_password);
    expect(statSync(path.join(dataDir, 'first-run.json')).mode & 0o777).toBe(0o600);
    const response = await fetch(String(url).replace('localhost', '127.0.0.1'), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: String(body),
    });
    expect(response.status).toBe(200);
  });

  it('has the call on record with a cost', async () => {
    const id = (await ask()).headers.get('x-request-id');
    await until(async () => (await rowsOf()).some((row) => row.id === id));
    const row = (await rowsOf()).find((item) => item.id === id);
    expect(Number(row?.cost_usd)).toBeGreaterThan(0);
    const { data } = (await api('/usage?group_by=model')) as { data: { requests: number; cost_usd: string }[] };
    expect(Number(data[0]?.cost_usd)).toBeGreaterThan(0);
  });

  it('lists the models that it serves, and makes embeddings too', async () => {
    const authorized = { authorization: `Bearer ${secrets.api_key}`, 'content-type': 'application/json' };
    const listed = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: authorized });
    const { data } = (await listed.json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(['gpt-4o-mini', 'text-embedding-3-small']));
    const response = await fetch(`http://127.0.0.1:${port}/v1/embeddings`, {
      method: 'POST',
      headers: authorized,
      body: JSON.stringify({ model: 'text-embedding-3-small', input: 'hello' }),
    });
    expect(response.status).toBe(200);
    const { data: embeddings } = (await response.json()) as { data: { embedding: number[] }[] };
    expect(embeddings[0]?.embedding).toHaveLength(1536);
  });

  it('loses no finished call to kill -9, starts again on the same data, and does not show the secrets again', async () => {
    const done: string[] = [];
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        for (;;) {
          try {
            const response = await ask();
            await response.text();
            if (response.status === 200) done.push(String(response.headers.get('x-request-id')));
          } catch {
            return;
          }
        }
      }),
    );
    await sleep(1500);
    gateway.process.kill('SIGKILL');
    await load;
    expect(done.length).toBeGreaterThan(10);
    gateway = start(environment());
    await gateway.printed(/Try it:/);
    expect(gateway.text).not.toContain(secrets.admin_password);
    expect(gateway.text).not.toContain(secrets.api_key);
    const seen = new Set<string>();
    await until(async () => {
      let cursor: string | null = null;
      do {
        const page: Record<string, unknown> = await api(
          `/requests?limit=200${cursor === null ? '' : `&cursor=${cursor}`}`,
        );
        for (const row of page['data'] as { id: string }[]) seen.add(row.id);
        cursor = page['next_cursor'] as string | null;
      } while (cursor !== null);
      return done.every((id) => seen.has(id));
    });
    const missing = done.filter((id) => !seen.has(id));
    console.log(`kill -9 under load: ${done.length} finished calls, ${missing.length} missing from the records`);
    expect(missing).toEqual([]);
    expect((await ask()).status).toBe(200);
  });
});

describe('wrong configuration', () => {
  it('exits with 78 and names every problem, never a secret', async () => {
    const folder = temporary();
    const file = path.join(folder, 'gateway.yaml');
    writeFileSync(
      file,
      'providers:\n  openai: { api_key: "sk-very-secret-value", models: [], timeouts: { idle: 3 parsecs } }\n  other: { models: [a] }\nunknown: 1\n',
    );
    const child = start({
      GATEWAY_CONFIG: file,
      GATEWAY_DATA_DIR: folder,
      GATEWAY_ADMIN_KEY: 'short',
      DATABASE_URL: 'postgresql://user:database-password@127.0.0.1:1/gateway',
    });
    expect(await child.exit).toBe(78);
    for (const part of [
      'providers.openai.models',
      'providers.openai.timeouts.idle',
      'providers.other',
      'unknown',
      'GATEWAY_ADMIN_KEY',
      'database.url: needs the environment variable GATEWAY_SECRET',
    ]) {
      expect(child.text).toContain(part);
    }
    expect(child.text).not.toContain('very-secret');
    expect(child.text).not.toContain('short');
    expect(child.text).not.toContain('database-password');
  });
});

describe('a start that comes to nothing', () => {
  /** A data directory that the user of the embedded PostgreSQL can reach, and the first line of its `postmaster.pid`. */
  const home = () => {
    const folder = temporary();
    chmodSync(folder, 0o711);
    const file = path.join(folder, 'postgres', 'data', 'postmaster.pid');
    const postmaster = (): number => (existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0);
    return { folder, postmaster };
  };
  const environment = (folder: string, port: number): Record<string, string> => ({
    PORT: String(port),
    HOST: '127.0.0.1',
    GATEWAY_DATA_DIR: folder,
    GATEWAY_CONFIG: SHIPPED,
  });

  it('says which port is in use, and leaves no PostgreSQL behind', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port));
    });
    const { folder, postmaster } = home();
    const child = start(environment(folder, port));
    let seen = 0;
    await until(() => (seen ||= postmaster()) > 0, 60_000);
    expect(await child.exit).toBe(1);
    expect(child.text).toContain(`The gateway could not start: port ${port} is in use.`);
    expect(child.text).not.toMatch(/\n +at /);
    await until(() => !isAlive(seen), 10_000);
    taken.close();
  });

  it('told to stop while it loads its code it ends with 0 when it has, and starts nothing', async () => {
    const { folder, postmaster } = home();
    // Signals itself when the first file that asks for this module is loaded.
    const preload = path.join(folder, 'preload.cjs');
    writeFileSync(
      preload,
      `const Module = require('node:module');
const load = Module._load;
Module._load = function (request, ...rest) {
  if (request.endsWith('/app.setup')) process.kill(process.pid, 'SIGTERM');
  return load.call(this, request, ...rest);
};`,
    );
    const child = start({ ...environment(folder, await freePort()), NODE_OPTIONS: `--require ${preload}` });
    expect(await child.exit).toBe(0);
    expect(child.text).toBe('');
    expect(postmaster()).toBe(0);
  });

  it('told to stop before it serves it ends with 0, and its PostgreSQL with it; the next start finds nothing broken', async () => {
    const { folder, postmaster } = home();
    const port = await freePort();
    const child = start(environment(folder, port));
    let seen = 0;
    await until(() => (seen ||= postmaster()) > 0, 60_000);
    child.process.kill('SIGTERM');
    expect(await child.exit).toBe(0);
    expect(child.text).not.toContain('Try it:');
    await until(() => !isAlive(seen), 10_000);
    const next = start(environment(folder, port));
    await next.printed(/Try it:/);
    next.process.kill('SIGINT');
    expect(await next.exit).toBe(0);
  });
});

describe('SIGTERM', () => {
  /** A gateway of its own process in front of `upstream`, and what a client does with it. */
  const boot = async (upstream: FakeUpstream, server: string) => {
    const folder = temporary();
    const file = path.join(folder, 'gateway.yaml');
    writeFileSync(
      file,
      `server: ${server}
providers: { openai: { api_key: k, base_url: "${upstream.url}/v1", allow_private_network: true, models: [gpt-4o-mini] } }
`,
    );
    const port = await freePort();
    const child = start({
      PORT: String(port),
      HOST: '127.0.0.1',
      GATEWAY_CONFIG: file,
      GATEWAY_DATA_DIR: folder,
      DATABASE_URL: await createTestDatabase(),
      GATEWAY_SECRET: 'lifecycle-secret-0123456789abcdef0123456789',
    });
    await child.printed(/Try it:/);
    const { api_key: key } = JSON.parse(readFileSync(path.join(folder, 'first-run.json'), 'utf8')) as {
      api_key: string;
    };
    const call = (stream: boolean) =>
      fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-4o-mini', stream, messages: [{ role: 'user', content: 'x' }] }),
      });
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).status;
    return { child, call, ready };
  };

  const chunk = (text: string, finish: string): string =>
    `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"${text} "},"finish_reason":${finish}}]}\n\n`;

  /** One event each tenth of a second, `events` of them and then the end. */
  const streaming =
    (events: number): FakeUpstream['answer'] =>
    (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let sent = 0;
      const timer = setInterval(() => {
        sent += 1;
        response.write(chunk(String(sent), sent === events ? '"stop"' : 'null'));
        if (sent < events) return;
        clearInterval(timer);
        response.end('data: [DONE]\n\n');
      }, 100);
      response.once('close', () => clearInterval(timer));
    };

  it('turns readiness to 503, lets running streams finish, refuses nothing while it waits, and exits with 0', async () => {
    const upstream = await FakeUpstream.start();
    upstream.answer = streaming(30);
    const { child, call, ready } = await boot(upstream, '{ lame_duck: 1s, drain: 30s }');
    const running = await call(true);
    expect(await ready()).toBe(200);
    child.process.kill('SIGTERM');
    await sleep(300);
    expect(await ready()).toBe(503);
    const late = await call(true);
    expect(late.status).toBe(200);
    for (const response of [running, late]) {
      const text = await response.text();
      expect(text).toContain('"30 "');
      expect(text).toContain('[DONE]');
    }
    expect(await child.exit).toBe(0);
    guarantee('LIF-1', '2 of 2 streams complete through SIGTERM, exit 0');
    await upstream.close();
  });

  it('ends what outlives the drain with an error of its dialect, never with a silent cut', async () => {
    const upstream = await FakeUpstream.start();
    upstream.answer = (received, response) => {
      // A whole answer never comes; a stream never ends.
      if (received.body.includes('"stream":true')) streaming(Infinity)(received, response);
    };
    const { child, call } = await boot(upstream, '{ lame_duck: 100ms, drain: 500ms }');
    const stream = await call(true);
    const whole = call(false);
    await until(() => upstream.received.length === 2);
    child.process.kill('SIGTERM');
    const text = await stream.text();
    expect(text).toContain('"1 "');
    expect(text).toContain('"code":"overloaded"');
    expect(text).not.toContain('[DONE]');
    const refused = await whole;
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ error: { code: 'overloaded' } });
    expect(await child.exit).toBe(0);
    expect(upstream.abandoned).toBe(2);
    await upstream.close();
  });

  it('tells of its last requests, too, when it is told to stop at once', async () => {
    const upstream = await FakeUpstream.start();
    const { child, call, ready } = await boot(upstream, '{ lame_duck: 30s, drain: 30s }');
    child.process.kill('SIGTERM');
    await until(async () => (await ready()) === 503);
    // A second order within a second of the first one is taken for the same.
    await sleep(1_100);
    const answers = await Promise.all([call(false), call(false), call(false)]);
    child.process.kill('SIGTERM');
    expect(await child.exit).toBe(1);
    for (const { headers } of answers) expect(child.text).toContain(headers.get('x-request-id'));
    await upstream.close();
  });

  it('reaches the gateway through npm start', async () => {
    const folder = temporary();
    const npm = spawn('npm', ['start', '--silent'], {
      cwd: path.resolve(__dirname, '../..'),
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        PORT: String(await freePort()),
        HOST: '127.0.0.1',
        GATEWAY_CONFIG: SHIPPED,
        GATEWAY_DATA_DIR: folder,
        DATABASE_URL: await createTestDatabase(),
        GATEWAY_SECRET: 'lifecycle-secret-0123456789abcdef0123456789',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise((resolve) => npm.once('close', resolve));
    await until(() => output.includes('Try it:'), 100_000);
    npm.kill('SIGINT');
    // The pipe closes when the gateway itself has ended, not only npm.
    await ended;
    expect(output).toContain('Draining');
  });
});
