// What is measured side by side: each variant is started once and serves the whole run.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  freePort,
  moveBesides,
  NODE,
  removeAtEnd,
  scratchFolder,
  spawnBesides,
  spawnUnderTest,
  treeOf,
} from './machine.mjs';

const here = import.meta.dirname;
const root = path.join(here, '..');
export const MODEL = 'bench-model';
const START_LIMIT_MS = 60_000;

/** Only what a program needs to run: no setting of the shell changes a figure. */
const environment = (extra) => ({ PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', ...extra });

async function untilAnswers(url, child, logFile) {
  const deadline = Date.now() + START_LIMIT_MS;
  const log = () => readFileSync(logFile, 'utf8').slice(-2000);
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode} while starting:\n${log()}`);
    if (Date.now() > deadline) throw new Error(`no answer from ${url} in ${START_LIMIT_MS / 1000} s:\n${log()}`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok || (answer && answer.status === 404)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Logs go to a file, as behind any supervisor: reading them must not cost the run a processor. */
async function startServer(name, command, settings, readyUrl) {
  const logFile = removeAtEnd(scratchFolder(`${name}.log`));
  const log = openSync(logFile, 'a');
  const child = spawnUnderTest(command, { ...settings, stdio: ['ignore', log, log] });
  closeSync(log);
  await untilAnswers(readyUrl, child, logFile);
  return child;
}

async function startBare(upstreamPort) {
  const port = await freePort();
  const command = [...NODE, path.join(here, 'bare-proxy.mjs'), String(port), String(upstreamPort)];
  const url = `http://127.0.0.1:${port}/`;
  const child = await startServer('bare', command, { env: environment() }, url);
  return { port, headers: [], measured: () => treeOf(child.pid), database: () => [] };
}

function postmasterOf(dataDirectory) {
  for (const entry of readdirSync(dataDirectory, { recursive: true })) {
    if (path.basename(entry) !== 'postmaster.pid') continue;
    return Number(readFileSync(path.join(dataDirectory, entry), 'utf8').split('\n')[0]);
  }
  return null;
}

/** Prices, no limit in reach, and an upstream on loopback; everything else as a new installation has it. */
const gatewayConfig = (upstreamPort) => `providers:
  bench:
    type: openai
    api_key: sk-bench-upstream
    base_url: http://127.0.0.1:${upstreamPort}/v1
    allow_private_network: true
    max_concurrency: 4096
    models: [${MODEL}]
rate_limits:
  default:
    requests_per_minute: 100000000
    tokens_per_minute: 100000000000
pricing:
  overrides:
    bench/${MODEL}: { input: 0.15, output: 0.6 }
`;

/** What every request costs once several replicas share limits, and money is bounded. */
const HARD_BUDGET = `budgets:
  everybody: { scope: organization, limit_usd: 1000000000, period: month }
`;

async function startShared(upstreamPort) {
  const port = await freePort();
  const redis = spawnBesides(['redis-server', '--port', String(port), '--save', '', '--appendonly', 'no']);
  await once(redis, 'spawn');
  return startGateway(upstreamPort, { more: HARD_BUDGET, variables: { REDIS_URL: `redis://127.0.0.1:${port}` } });
}

/** `more`: of the configuration; `variables`: of the environment; `flags`: of Node. */
export async function startGateway(upstreamPort, { more = '', variables = {}, flags = [] } = {}) {
  const entry = path.join(root, 'dist', 'main.js');
  if (!existsSync(entry)) throw new Error('dist/main.js does not exist: run `npm run build` first');
  const folder = removeAtEnd(scratchFolder(more === '' ? 'gateway' : 'shared'));
  const dataDirectory = path.join(folder, 'data');
  mkdirSync(dataDirectory, { recursive: true });
  const config = path.join(folder, 'gateway.yaml');
  writeFileSync(config, gatewayConfig(upstreamPort) + more);
  const port = await freePort();
  const env = environment({
    HOST: '127.0.0.1',
    PORT: String(port),
    GATEWAY_CONFIG: config,
    GATEWAY_DATA_DIR: dataDirectory,
    ...variables,
  });
  const child = await startServer(
    path.basename(folder),
    [...NODE, ...flags, entry],
    { env, cwd: root },
    `http://127.0.0.1:${port}/health/ready`,
  );
  const postmaster = postmasterOf(dataDirectory);
  if (postmaster) moveBesides(treeOf(postmaster));
  const { api_key: apiKey } = JSON.parse(readFileSync(path.join(dataDirectory, 'first-run.json'), 'utf8'));
  return {
    port,
    headers: [`Authorization: Bearer ${apiKey}`],
    measured: () => treeOf(child.pid, postmaster ? [postmaster] : []),
    database: () => (postmaster ? treeOf(postmaster) : []),
  };
}

const PEER_ENTRY = ['node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js'];

function installPeer() {
  const folder = path.join(here, '.peer');
  const source = path.join(here, 'peer');
  const lock = 'package-lock.json';
  const isCurrent =
    existsSync(path.join(folder, ...PEER_ENTRY)) &&
    readFileSync(path.join(folder, lock), 'utf8') === readFileSync(path.join(source, lock), 'utf8');
  if (isCurrent) return folder;
  mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', lock])
    writeFileSync(path.join(folder, name), readFileSync(path.join(source, name)));
  const { status, stderr } = spawnSync('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 180_000,
  });
  if (status !== 0) throw new Error(`npm ci of the peer failed:\n${stderr}`);
  return folder;
}

async function startPortkey(upstreamPort) {
  const port = await freePort();
  const command = [...NODE, path.join(installPeer(), ...PEER_ENTRY), '--headless', `--port=${port}`];
  const child = await startServer('portkey', command, { env: environment() }, `http://127.0.0.1:${port}/`);
  return {
    port,
    headers: [
      'Authorization: Bearer sk-bench-upstream',
      'x-portkey-provider: openai',
      `x-portkey-custom-host: http://127.0.0.1:${upstreamPort}/v1`,
    ],
    measured: () => treeOf(child.pid),
    database: () => [],
  };
}

const direct = (upstreamPort) => ({ port: upstreamPort, headers: [], measured: () => [], database: () => [] });

/** In the order of the table. */
export const VARIANTS = {
  direct: { title: 'direct', start: (upstreamPort) => Promise.resolve(direct(upstreamPort)) },
  bare: { title: 'bare node:http + undici', start: startBare },
  gateway: { title: 'ai-gateway', start: (upstreamPort) => startGateway(upstreamPort) },
  shared: { title: 'ai-gateway, Redis and budget', start: startShared },
  portkey: { title: 'Portkey 1.15.2', start: startPortkey },
};

/** Proves that a variant really answers before it is timed: a fast error is not a fast gateway. */
export async function prove(variant, bodies) {
  const headers = Object.fromEntries(variant.headers.map((header) => header.split(/: (.*)/s)));
  const call = async (body) => {
    const answer = await fetch(`http://127.0.0.1:${variant.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      signal: AbortSignal.timeout(10_000),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`it answers ${answer.status}: ${text.slice(0, 300)}`);
    if (/hit/.test(answer.headers.get('x-gateway-cache') ?? '')) throw new Error('it answers from its cache');
    return text;
  };
  for (const body of [bodies.small, bodies.small, bodies.large]) {
    if (!JSON.parse(await call(body)).choices?.[0]?.message?.content) throw new Error('its answer has no content');
  }
  const stream = await call(bodies.stream);
  const marks = stream.match(/@\d{19}@/g)?.length ?? 0;
  if (marks !== 40 || !stream.includes('data: [DONE]')) throw new Error(`its stream has ${marks} of 40 chunks`);
}
