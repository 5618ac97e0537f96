// `node bench/cache.mjs`: two replicas on one Redis under a repeating workload, with the cache on and off, and what the cache adds to a
// question that it has no answer to. Reads dist/.
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import path from 'node:path';
import {
  freePort,
  machine,
  NODE,
  removeAtEnd,
  scratchFolder,
  spawnBesides,
  spawnUnderTest,
  stopAll,
} from './machine.mjs';

const root = path.join(import.meta.dirname, '..');
const SECONDS = Number(process.env.BENCH_CACHE_SECONDS ?? 12);
const WARM_UP_SECONDS = Number(process.env.BENCH_CACHE_WARM_UP_SECONDS ?? 20);
const CONNECTIONS = 4;
/** Between two questions of a connection: waiting times are to be those of the gateway, not of a queue for the processors. */
const PAUSE_MS = Number(process.env.BENCH_CACHE_PAUSE_MS ?? 30);
const MODEL = 'gpt-4o-mini';
const SECRET = 'bench-secret-0123456789abcdef0123456789abcdef';

/** Questions that people ask again: a few often, most of them seldom. */
const SUBJECTS = 60;
const THINGS = ['router', 'printer', 'laptop', 'phone', 'tablet', 'camera', 'monitor', 'keyboard', 'server', 'scanner'];
/** What the warm-up asks about, so that what is measured begins with new questions. */
const OTHER_THINGS = [
  'bicycle',
  'tractor',
  'kettle',
  'mattress',
  'guitar',
  'telescope',
  'mower',
  'sofa',
  'drill',
  'oven',
];
const PLACES = ['office', 'garden', 'kitchen', 'workshop', 'library', 'school'];
/** The wordings of one question, and the tier that each should find the first one by. */
const WORDINGS = [
  (about) => `What are the advantages of a new ${about}?`,
  (about) => `Hi, what are the advantages of a new ${about}? Thanks!`,
  (about) => `Tell me what are the advantages of a new ${about}`,
  (about) => `What are the benefits of using a new ${about}?`,
];

/** The same sequence in every run. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

function questionAt(random, things) {
  // Zipf-like: the n-th question is asked about 1/n as often as the first.
  const subject = Math.min(SUBJECTS - 1, Math.floor(Math.exp(random() * Math.log(SUBJECTS + 1))) - 1);
  const wording = WORDINGS[Math.floor(random() * WORDINGS.length)];
  const thing = things[subject % things.length];
  return wording(`${thing} for the ${PLACES[Math.floor(subject / things.length)]}`);
}

async function untilOk(url, what, child) {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (child && child.exitCode !== null) throw new Error(`${what} has ended with ${child.exitCode}`);
    const answer = await fetch(url).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} does not answer at ${url}`);
}

async function startSimulator(speed = '0.1') {
  const port = await freePort();
  const settings = { env: { ...process.env, SIMULATOR_PORT: String(port), SIMULATOR_SPEED: speed } };
  spawnBesides([process.execPath, 'dist/providers/simulator/server/main.js'], { ...settings, cwd: root });
  const url = `http://127.0.0.1:${port}`;
  await untilOk(`${url}/health`, 'the simulator');
  return url;
}

async function startRedis() {
  const port = await freePort();
  spawnBesides(['redis-server', '--port', String(port), '--save', '', '--appendonly', 'no']);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return `redis://127.0.0.1:${port}`;
}

const yamlOf = (simulator, cache) => `
providers:
  openai: { api_key: k, base_url: "${simulator}/openai/v1", allow_private_network: true, models: [${MODEL}] }
rate_limits: { default: { requests_per_minute: 10000000, tokens_per_minute: 10000000000 } }
cache: ${cache}
`;

async function startReplica(name, yaml, redis) {
  const folder = removeAtEnd(scratchFolder(name));
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'gateway.yaml'), yaml);
  const port = await freePort();
  const log = openSync(path.join(folder, 'log'), 'a');
  const child = spawnUnderTest([...NODE, 'dist/main.js'], {
    cwd: root,
    stdio: ['ignore', log, log],
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      NODE_ENV: 'production',
      PORT: String(port),
      HOST: '127.0.0.1',
      GATEWAY_CONFIG: path.join(folder, 'gateway.yaml'),
      GATEWAY_DATA_DIR: path.join(folder, 'data'),
      GATEWAY_SECRET: SECRET,
      GATEWAY_ADMIN_KEY: SECRET,
      REDIS_URL: redis,
      LOG_LEVEL: 'warn',
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await untilOk(`${url}/health/ready`, name, child).catch((error) => {
    throw new Error(`${error.message}\n${readFileSync(path.join(folder, 'log'), 'utf8')}`);
  });
  const { api_key: key } = JSON.parse(readFileSync(path.join(folder, 'data', 'first-run.json'), 'utf8'));
  return { url, key, pid: child.pid };
}

const residentMb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** Questions without an answer in their own words, warm-up included: how many waited for vectors, and how many need not. */
async function comparisonsOf(url) {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const count = (outcome) =>
    Number(
      new RegExp(`gateway_cache_comparisons_total{[^}]*outcome="${outcome}"[^}]*} (\\d+)`).exec(metrics)?.[1] ?? 0,
    );
  return { waited: count('waited'), atHand: count('at_hand'), ruledOut: count('ruled_out') };
}

/** Of `node:http`, and not `fetch`, which takes longer than a hit. */
const agent = new Agent({ keepAlive: true });

async function ask({ url, key }, content) {
  const startedAt = performance.now();
  const request = httpRequest(`${url}/v1/chat/completions`, {
    agent,
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
  request.end(JSON.stringify({ model: MODEL, messages: [{ role: 'user', content }] }));
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  const tookMs = performance.now() - startedAt;
  const { headers, statusCode: status } = response;
  const detail = /detail=([a-z_]+)/.exec(headers['cache-status'] ?? '')?.[1];
  const outcome = headers['x-gateway-cache'];
  const overheadMs = Number(headers['x-gateway-overhead-ms']);
  return { status, tier: detail ?? outcome ?? 'none', isHit: /hit/.test(outcome), tookMs, overheadMs };
}

const percentile = (values, share) => {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
};

async function measure(name, cache) {
  const [simulator, redis] = await Promise.all([startSimulator(), startRedis()]);
  const replicas = [];
  for (const number of [1, 2])
    replicas.push(await startReplica(`${name.replace(' ', '-')}-${number}`, yamlOf(simulator, cache), redis));
  const random = randomFrom(7);
  const askFor = async (seconds, things, pauseMs) => {
    const answers = [];
    const endsAt = performance.now() + seconds * 1000;
    const connection = async () => {
      while (performance.now() < endsAt) {
        answers.push(await ask(replicas[random() < 0.5 ? 0 : 1], questionAt(random, things)));
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
    return answers;
  };
  // Connections, compiled code and the encoder's model: a replica serves for weeks what it compiles in its first seconds.
  await askFor(WARM_UP_SECONDS, OTHER_THINGS, 0);
  const answers = await askFor(SECONDS, THINGS, PAUSE_MS);
  const compared = await Promise.all(replicas.map(({ url }) => comparisonsOf(url)));
  report(name, answers, { memory: replicas.map(({ pid }) => residentMb(pid)), compared });
  await stopAll();
  return answers;
}

function report(name, answers, { memory, compared }) {
  const failed = answers.filter(({ status }) => status !== 200).length;
  const hits = answers.filter(({ isHit }) => isHit).length;
  const say = (line) => process.stdout.write(`${line}\n`);
  say(`\n${name}: ${answers.length} requests, ${(answers.length / SECONDS).toFixed(0)}/s, ${failed} failed`);
  say(`  hit rate ${((100 * hits) / answers.length).toFixed(1)} %: ${hits} upstream calls saved of ${answers.length}`);
  say(`  memory of the replicas: ${memory.map((mb) => `${mb.toFixed(0)} MB`).join(', ')}`);
  const sum = (outcome) => compared.reduce((total, each) => total + each[outcome], 0);
  say(
    `  ${sum('waited')} questions waited for their vector, that of ${sum('atHand')} was at hand, ${sum('ruledOut')} were ruled out`,
  );
  say('  tier            answers   p50 ms   p99 ms   gateway p50   gateway p99');
  for (const tier of [...new Set(answers.map((answer) => answer.tier))].sort()) {
    const of = answers.filter((answer) => answer.tier === tier);
    const columns = [0.5, 0.99].map((share) =>
      percentile(
        of.map(({ tookMs }) => tookMs),
        share,
      )
        .toFixed(2)
        .padStart(9),
    );
    const own = [0.5, 0.99].map((share) =>
      percentile(
        of.map(({ overheadMs }) => overheadMs),
        share,
      )
        .toFixed(2)
        .padStart(13),
    );
    say(`  ${tier.padEnd(14)}${String(of.length).padStart(9)}${columns.join('')}${own.join('')}`);
  }
}

/** Questions that are asked once: what is measured is what the gateway adds. Up to 240 are different. */
const NEW_QUESTIONS = Number(process.env.BENCH_CACHE_NEW ?? 200);
/** Asked before: what is measured is compiled code. */
const WARM_UP_QUESTIONS = Number(process.env.BENCH_CACHE_WARM_UP ?? 600);
/** About 20 ms to an answer: quick for a provider, and long enough for a vector that is made beside the call. */
const QUICK_PROVIDER = '0.02';
/** Between two of these questions. */
const MISS_PAUSE_MS = 5;
const ADJECTIVES = ['small', 'heavy', 'modern', 'wooden', 'silent', 'rugged', 'folding', 'secondhand'];
const MATTERS = ['noise', 'heat', 'dust', 'price', 'weight', 'repair', 'storage', 'delivery', 'insurance', 'warranty'];
const pick = (list, number) => list[number % list.length];
/** A name without a number in it, which would keep questions apart by itself. */
const nameOf = (number) => `X${String(number).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)])}`;
/** Questions that only a vector keeps apart, and questions that their names do: the guard refuses them. */
const NEW = {
  alike: (number) => {
    const thing = `${pick(ADJECTIVES, Math.floor(number / 60))} ${pick(THINGS, number)}`;
    return `What is known about the ${pick(MATTERS, Math.floor(number / 6))} of a ${thing} in the ${pick(PLACES, number)}?`;
  },
  named: (number) => `What is known about the office of ${nameOf(number)} and its printer?`,
};

/** Compared by the threshold, which is one that no other question reaches. */
const STRICT = '{ enabled: true, scope: organization, mode: balanced, similarity_threshold: 0.999 }';
/** The first is what the others are compared with. */
const MISSES = [
  ['cache off', NEW.alike, '{ enabled: false }'],
  ['conservative', NEW.alike, '{ enabled: true, scope: organization }'],
  ['balanced, the guard refuses all', NEW.named, STRICT],
  ['balanced, waiting for the vector', NEW.alike, STRICT],
];

/** One replica of each kind with a Redis of its own, one question after the other, taking turns: noise is the same for all. */
async function measureMisses() {
  const simulator = await startSimulator(QUICK_PROVIDER);
  const kinds = [];
  for (const [name, questionOf, cache] of MISSES) {
    const replica = await startReplica(name.replaceAll(' ', '-'), yamlOf(simulator, cache), await startRedis());
    for (let number = 0; number < WARM_UP_QUESTIONS; number += 1) await ask(replica, NEW.named(number + 1_000));
    kinds.push({ name, questionOf, replica, answers: [], before: await comparisonsOf(replica.url) });
  }
  for (let number = 0; number < NEW_QUESTIONS; number += 1) {
    for (let turn = 0; turn < kinds.length; turn += 1) {
      const { replica, questionOf, answers } = kinds[(number + turn) % kinds.length];
      answers.push(await ask(replica, questionOf(number)));
      await new Promise((resolve) => setTimeout(resolve, MISS_PAUSE_MS));
    }
  }
  const [off] = kinds;
  for (const { name, replica, answers, before } of kinds) {
    const after = await comparisonsOf(replica.url);
    const misses = answers.filter(({ isHit }) => !isHit);
    const added = answers.map(({ overheadMs }, number) => overheadMs - off.answers[number].overheadMs);
    const what = `${misses.length} misses of ${answers.length}`;
    const compared = `${after.waited - before.waited} waited, ${after.ruledOut - before.ruledOut} ruled out`;
    const times = middleAndMost(misses.map(({ overheadMs }) => overheadMs));
    process.stdout.write(
      `  ${name.padEnd(34)} ${what}   gateway ${times}   adds p50 ${percentile(added, 0.5).toFixed(2)} ms   ${compared}\n`,
    );
  }
  await stopAll();
}

const middleAndMost = (values) =>
  `p50 ${percentile(values, 0.5).toFixed(2)} ms   p99 ${percentile(values, 0.99).toFixed(2)} ms`;

/** What one call of Redis takes here at the pace of these questions, from where the gateway runs: no cache in Redis adds less. */
async function measureRedis() {
  const url = await startRedis();
  const prober = spawnUnderTest(
    [...NODE, path.join(import.meta.dirname, 'redis-alone.mjs'), url, String(MISS_PAUSE_MS + 20)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let said = '';
  prober.stdout.on('data', (text) => (said += text));
  await once(prober, 'close');
  process.stdout.write(
    `  ${'one GET of Redis, nothing else'.padEnd(34)} ${' '.repeat(17)}           ${middleAndMost(JSON.parse(said))}\n`,
  );
  await stopAll();
}

process.once('SIGINT', () => void stopAll().then(() => process.exit(1)));
try {
  process.stdout.write(`${machine()}, ${new Date().toISOString().slice(0, 10)}\n`);
  await measure('cache off', '{ enabled: false }');
  await measure('cache on', '{ enabled: true, scope: organization, mode: balanced, similarity_threshold: 0.85 }');
  process.stdout.write('\nquestions that come once:\n');
  await measureRedis();
  await measureMisses();
} finally {
  await stopAll();
}
