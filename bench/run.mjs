// `npm run bench`: the gateway beside a bare proxy, a direct call and a peer, in one run on one machine. README.md has
// the method. Options: --seconds N (of each measurement), --rounds N, --quick, --only a,b (variants), --compare FILE,
// --node-tools (not the C tools even where they could be built).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  cpuMicroseconds,
  freePort,
  isPinned,
  machine,
  moveBesides,
  removeAtEnd,
  residentMegabytes,
  scratchFolder,
  stopAll,
} from './machine.mjs';
import { figuresOf, render, renderComparison } from './report.mjs';
import { prepareTools, runLoad, startMock } from './tools.mjs';
import { MODEL, VARIANTS, prove } from './variants.mjs';

const say = (line) => process.stdout.write(`${line}\n`);
const progress = (text) => process.stderr.isTTY && process.stderr.write(text);

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(VARIANTS).join(',') },
    compare: { type: 'string' },
    'node-tools': { type: 'boolean', default: false },
  },
});
/** A machine with nothing else to do is below this load average. */
const BUSY = 0.7;

const seconds = options.quick ? Math.min(2, Number(options.seconds)) : Number(options.seconds);
const rounds = options.quick ? 1 : Number(options.rounds);
const warmUpSeconds = options.quick ? 0.5 : 1;
/** At rest: a twentieth of a processor, over so long; not waited for longer than that. */
const [REST_SHARE, REST_MS, REST_TIMEOUT_MS] = [0.05, 500, 30_000];
/** Until then a figure is of the compiler: a process serves for weeks what it compiles in its first seconds. */
const firstSeconds = options.quick ? 3 : 15;
const wanted = options.only.split(',');
const unknown = wanted.filter((name) => !VARIANTS[name]);
if (!(seconds > 0) || !(rounds >= 1) || unknown.length > 0) {
  say(`--seconds and --rounds are positive numbers, --only names of: ${Object.keys(VARIANTS).join(', ')}`);
  process.exit(2);
}

function bodyOf(bytes, extra = {}) {
  const body = { model: MODEL, max_tokens: 256, messages: [{ role: 'user', content: '' }], ...extra };
  const words = 'What does the quick brown fox do when the lazy dog wakes up? ';
  const room = bytes - JSON.stringify(body).length;
  body.messages[0].content = (extra.content ?? '') + words.repeat(Math.ceil(room / words.length)).slice(0, room);
  return JSON.stringify({ ...body, content: undefined });
}

const usage = { stream: true, stream_options: { include_usage: true } };
const bodies = {
  small: bodyOf(1024),
  large: bodyOf(65_536),
  stream: bodyOf(1024, usage),
  // The upstream reads its orders from this word: ten chunks, one a millisecond.
  pacedStream: bodyOf(1024, { ...usage, content: 'mock-n10-i1000 ' }),
};

/** Closed loops show what a processor can do; constant rates show what a caller waits. */
const SCENARIOS = {
  json: { body: 'small', shape: ['-c', 64] },
  paced: { body: 'small', shape: ['-r', 500] },
  stream: { body: 'stream', shape: ['-c', 64, '-s'] },
  ttfb: { body: 'pacedStream', shape: ['-r', 50, '-s'] },
  large: { body: 'large', shape: ['-c', 64] },
};

/** What a variant still does for the requests of the last measurement (records to store, say) is no part of the next one. */
async function comeToRest(processes) {
  const all = [...processes.own, ...processes.database];
  const giveUpMs = Date.now() + REST_TIMEOUT_MS;
  for (let busyUs = Infinity; busyUs > REST_MS * 1000 * REST_SHARE && Date.now() < giveUpMs;) {
    const before = cpuMicroseconds(all);
    await sleep(REST_MS);
    busyUs = cpuMicroseconds(all) - before;
  }
}

async function measure(tools, folder, variant, scenario, forSeconds = seconds) {
  let before;
  const processes = { own: variant.measured(), database: variant.database() };
  await comeToRest(processes);
  const sample = () => ({ own: cpuMicroseconds(processes.own), database: cpuMicroseconds(processes.database) });
  const load = await runLoad(tools, {
    port: variant.port,
    bodyFile: path.join(folder, `${scenario.body}.json`),
    headers: variant.headers,
    shape: scenario.shape,
    seconds: forSeconds,
    warmUpSeconds,
    onMeasure: () => (before = sample()),
  });
  const after = sample();
  return {
    load,
    cpuUs: after.own - before.own,
    databaseCpuUs: after.database - before.database,
    residentMb: residentMegabytes(processes.own),
  };
}

async function startVariants(upstreamPort) {
  const running = {};
  const absent = {};
  for (const name of wanted) {
    try {
      const variant = await VARIANTS[name].start(upstreamPort);
      await prove(variant, bodies);
      running[name] = variant;
    } catch (error) {
      absent[name] = error.message;
      say(`${VARIANTS[name].title} is left out: ${error.message}\n`);
    }
  }
  return { running, absent };
}

async function measureAll(tools, folder, running) {
  // Compiled code and open connections: without this the first round measures the JIT.
  for (const variant of Object.values(running)) {
    for (const scenario of [SCENARIOS.json, SCENARIOS.stream]) {
      await measure(tools, folder, variant, scenario, firstSeconds);
    }
  }
  const samples = Object.fromEntries(Object.keys(running).map((name) => [name, {}]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [scenarioName, scenario] of Object.entries(SCENARIOS)) {
      for (const [name, variant] of Object.entries(running)) {
        const label = `${scenarioName}, ${VARIANTS[name].title}`;
        progress(`\rround ${round}/${rounds}: ${label}          `);
        const run = await measure(tools, folder, variant, scenario);
        const { err, non200 } = run.load;
        if (err + non200 > 0) say(`\n${label}: ${err} broken and ${non200} refused answers, so no figure`);
        (samples[name][scenarioName] ??= []).push(run);
      }
    }
  }
  progress('\r\u001b[K');
  return samples;
}

async function main() {
  const folder = removeAtEnd(scratchFolder('bodies'));
  mkdirSync(folder, { recursive: true });
  for (const [name, body] of Object.entries(bodies)) writeFileSync(path.join(folder, `${name}.json`), body);

  moveBesides([process.pid]);
  const tools = prepareTools(options['node-tools']);
  const pinning = isPinned
    ? 'variant on processor 0, load and upstream on 1'
    : 'not pinned (one processor, or no taskset)';
  say(`${machine()}; ${pinning}; load and upstream: ${tools.name}`);
  const [busy] = loadavg();
  if (busy > BUSY)
    say(`load average ${busy.toFixed(1)}: other work is going on here, so these figures are not worth keeping`);
  const upstreamPort = await freePort();
  await startMock(tools, upstreamPort);
  const { running, absent } = await startVariants(upstreamPort);

  const samples = await measureAll(tools, folder, running);
  const figures = figuresOf(samples);
  say(
    `medians of ${rounds} interleaved round(s) of ${seconds} s, 64 connections, 1 KB requests, streams of 40 chunks\n`,
  );
  say(render(figures));
  if (options.compare) say(`\n${renderComparison(figures, JSON.parse(readFileSync(options.compare, 'utf8')))}`);

  const results = path.join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const date = new Date().toISOString();
  const file = path.join(results, `${date.slice(0, 19).replaceAll(':', '-')}.json`);
  const facts = { date, machine: machine(), loadAverage: busy, isPinned, tools: tools.name, seconds, rounds, absent };
  writeFileSync(file, `${JSON.stringify({ ...facts, figures, samples }, null, 1)}\n`);
  say(`\nwritten to ${path.relative(process.cwd(), file)}`);
  if (wanted.includes('gateway') && !running.gateway) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().finally(() => process.exit(130)));

try {
  await main();
} finally {
  await stopAll();
}
