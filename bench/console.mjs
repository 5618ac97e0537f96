// `npm run bench:console`: the console on big data. Fills a PostgreSQL of its own with requests of ninety days, starts the
// gateway on it and measures pages as a browser asks for them. Options: --rows N (5000000), --samples N,
// --folder DIR (keeps the database there for another run).
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fillUsage } from './console-data.mjs';
import { freePort, machine, removeAtEnd, residentMegabytes, scratchFolder, stopAll } from './machine.mjs';
import { startGatewayOn } from './console-gateway.mjs';

const require = createRequire(import.meta.url);
const { EmbeddedPostgres } = require('../dist/platform/database/embedded');
const say = (line) => process.stdout.write(`${line}\n`);

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000000' },
    folder: { type: 'string' },
    samples: { type: 'string', default: '9' },
  },
});
const rows = Number(options.rows);
const samples = Number(options.samples);
if (!(rows >= 1000) || !(samples >= 1)) {
  say('--rows is a number from 1000, --samples one from 1.');
  process.exit(2);
}

/** What the garbage of a busy minute may take. The file is 300 MB, its rows in memory would be several times that. */
const CSV_GROWTH_MB = 250;

/** A page, and the milliseconds that it may take. */
const PAGES = [
  ['Overview, 24 hours', '/admin?range=24h', 300],
  ['Overview, 7 days', '/admin?range=7d', 300],
  ['Overview, 30 days', '/admin?range=30d', 300],
  ['Overview, 90 days', '/admin?range=90d', 300],
  ['Requests', '/admin/requests', 200],
  ['Requests, the next page', '@next', 200],
  ['filter: status 5xx', '/admin/requests?status=5xx', 500],
  ['filter: team', '/admin/requests?team=@team', 500],
  ['filter: model', '/admin/requests?model=gpt-4o', 500],
  ['filter: provider', '/admin/requests?provider=anthropic', 500],
  ['filter: name of a key', '/admin/requests?key_name=key%207', 500],
  ['filter: fallback', '/admin/requests?fallback=true', 500],
  ['filter: cache hits', '/admin/requests?cache=hit', 500],
  ['filter: one request in a million', '/admin/requests?error_code=rare', 500],
  ['filter: nothing fits', '/admin/requests?error_code=never', 500],
  ['filter: dear requests', '/admin/requests?min_cost_usd=0.5', 500],
  ['Usage by team and model, 30 days', '/admin/usage?group_by=team&group_by=model', 500],
  ['Cache', '/admin/cache', 500],
  ['Budgets', '/admin/budgets', 500],
];

const folder = options.folder ?? removeAtEnd(scratchFolder('console'));
mkdirSync(folder, { recursive: true });
const postgres = new EmbeddedPostgres({
  dataDirectory: folder,
  log: () => undefined,
  settings: { shared_buffers: '512MB', fsync: 'off', synchronous_commit: 'off', max_wal_size: '8GB' },
});
await postgres.start();
const gateway = await startGatewayOn(postgres.url, await freePort(), path.join(folder, 'gateway'));
let failed = 0;
try {
  const filled = await fillUsage(postgres.url, rows, say);
  await gateway.signIn();
  say(`\n${machine()}; load ${loadavg()[0].toFixed(1)} at the start`);
  say(
    `${filled.requests.toLocaleString('en-US')} requests, ${filled.attempts.toLocaleString('en-US')} attempts; ${samples} samples of each page, after one that is not counted\n`,
  );
  say(`${'page'.padEnd(36)}${'median'.padStart(10)}${'slowest'.padStart(10)}${'wanted'.padStart(10)}`);
  for (const [name, address, limitMs] of PAGES) {
    const url = await resolve(address, filled);
    await gateway.page(url);
    const times = [];
    for (let sample = 0; sample < samples; sample += 1) times.push((await gateway.page(url)).ms);
    times.sort((left, right) => left - right);
    const median = times[Math.floor(times.length / 2)];
    if (median > limitMs) failed += 1;
    const ms = (value) => `${value.toFixed(0)} ms`.padStart(10);
    say(
      `${name.padEnd(36)}${ms(median)}${ms(times.at(-1))}${`< ${limitMs} ms`.padStart(10)}${median > limitMs ? '  too slow' : ''}`,
    );
  }
  await measureCsv();
  say(`\nload ${loadavg()[0].toFixed(1)} at the end${loadavg()[0] > 1 ? ': the machine was shared' : ''}`);
} finally {
  await stopAll();
  await postgres.stop();
}
process.exitCode = failed === 0 ? 0 : 1;

async function resolve(address, { team }) {
  if (address !== '@next') return address.replace('@team', team);
  const { text } = await gateway.page('/admin/requests');
  return /href="(\/admin\/requests\?cursor[^"]+)"/.exec(text)?.[1].replaceAll('&#x3D;', '=') ?? '/admin/requests';
}

async function measureCsv() {
  const before = residentMegabytes([gateway.pid]);
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, residentMegabytes([gateway.pid]))), 50);
  const { lines, bytes, ms } = await gateway.csv(Math.min(rows, 1_000_000));
  clearInterval(watch);
  const isFlat = most - before <= CSV_GROWTH_MB;
  if (!isFlat) failed += 1;
  say(
    `\nCSV: ${lines.toLocaleString('en-US')} lines, ${(bytes / 2 ** 20).toFixed(0)} MB in ${(ms / 1000).toFixed(1)} s; the gateway had ${before.toFixed(0)} MB before and ${most.toFixed(0)} MB at most${isFlat ? '' : `: more than the ${CSV_GROWTH_MB} MB that are wanted`}`,
  );
}
