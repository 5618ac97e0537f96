// The gateway as a process of its own, and a browser without a screen.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { NODE, spawnUnderTest } from './machine.mjs';

const root = path.join(import.meta.dirname, '..');
const START_LIMIT_MS = 180_000;
const EMAIL = 'bench@example.com';
const PASSWORD = 'a password for measuring';

const CONFIG = `providers:
  openai: { api_key: sk-bench, models: [gpt-4o, gpt-4o-mini] }
  anthropic: { api_key: sk-bench, models: [claude-sonnet-4-20250514, claude-3-5-haiku-20241022] }
cache: { enabled: true }
`;

function spawnGateway(databaseUrl, port, folder) {
  mkdirSync(folder, { recursive: true });
  const config = path.join(folder, 'gateway.yaml');
  writeFileSync(config, CONFIG);
  return spawnUnderTest([...NODE, path.join(root, 'dist', 'main.js')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PORT: String(port),
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      GATEWAY_CONFIG: config,
      GATEWAY_DATA_DIR: folder,
      GATEWAY_SECRET: 'a secret for measuring, 32 characters and more',
      GATEWAY_ADMIN_EMAIL: EMAIL,
      GATEWAY_ADMIN_PASSWORD: PASSWORD,
      LOG_LEVEL: 'warn',
    },
  });
}

export async function startGatewayOn(databaseUrl, port, folder) {
  const url = `http://127.0.0.1:${port}`;
  const child = spawnGateway(databaseUrl, port, folder);
  await untilReady(url, child);
  const cookies = new Map();
  const send = async (address, init = {}) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url + address, { redirect: 'manual', ...init, headers: { cookie, ...init.headers } });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split(/=(.*)/s);
      cookies.set(name, value);
    }
    return response;
  };
  const page = async (address) => {
    const startedMs = performance.now();
    const response = await send(address);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${address}: ${response.status} ${text.slice(0, 400)}`);
    return { ms: performance.now() - startedMs, text };
  };
  return {
    pid: child.pid,
    page,
    async signIn() {
      const text = await (await send('/admin/sign-in')).text();
      const token = /name="_csrf"\s+value="([^"]+)"/.exec(text)[1];
      const body = new URLSearchParams({ _csrf: token, email: EMAIL, password: PASSWORD });
      const { status } = await send('/admin/sign-in', { method: 'POST', body, headers: { origin: url } });
      if (status !== 303) throw new Error(`sign-in: ${status}`);
    },
    /** Reads that many lines of the export of all requests, and leaves. */
    async csv(lines) {
      const startedMs = performance.now();
      const response = await send('/admin/requests/export.csv');
      let [read, bytes] = [0, 0];
      for await (const chunk of response.body) {
        bytes += chunk.length;
        for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) read += 1;
        if (read >= lines) break;
      }
      return { lines: read, bytes, ms: performance.now() - startedMs };
    },
  };
}

async function untilReady(url, child) {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('the gateway did not start');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
