// One admission against four levels with requests and tokens each (8 counters), all or nothing: in process and on Redis, next to the
// exact log of every request (a sorted set), which is the only other way that never admits too much, and to rate-limiter-flexible,
// which counts in fixed windows, one key a call, and so takes eight calls and keeps what it took when one of them refuses.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { built, compare } from './harness.mjs';

const { MemoryRateLimitStore } = built('rate-limit/store/memory.rate-limit-store');
const { RedisRateLimitStore } = built('rate-limit/store/redis.rate-limit-store');
const { SystemClock } = built('platform/clock');

const REDIS = 'redis-server';
const WINDOW_MS = 60_000;
const CALLERS = 100;
const SCOPES = ['key', 'user', 'team', 'department'];
const print = (line) => process.stdout.write(`${line}\n`);

const admissions = Array.from({ length: CALLERS }, (_, caller) => ({
  counters: SCOPES.flatMap((scope, level) => [
    { key: `r:${scope}:${level < 2 ? caller : caller % 10}`, windowMs: WINDOW_MS, limit: 1e9, cost: 1 },
    { key: `t:${scope}:${level < 2 ? caller : caller % 10}`, windowMs: WINDOW_MS, limit: 1e12, cost: 1500 },
  ]),
  slots: [],
}));

/** The same promise kept by remembering every admission. */
class ExactLog {
  logs = new Map();

  admit({ counters }) {
    const now = performance.now();
    for (const { key, windowMs, limit, cost } of counters) {
      const log = this.logs.get(key) ?? { entries: [], first: 0, sum: 0 };
      while (log.first < log.entries.length && log.entries[log.first][0] <= now - windowMs)
        log.sum -= log.entries[log.first++][1];
      if (log.sum + cost > limit) return false;
      this.logs.set(key, log);
    }
    for (const { key, cost } of counters) {
      const log = this.logs.get(key);
      log.entries.push([now, cost]);
      log.sum += cost;
      // What a real one would have to forget as well.
      if (log.entries.length > 20_000) this.logs.delete(key);
    }
    return true;
  }
}

const memory = new MemoryRateLimitStore(() => performance.now());
const log = new ExactLog();
compare(
  'admission in process, 8 counters',
  (index) => memory.admit(admissions[index % CALLERS]),
  'exact log in process',
  (index) => log.admit(admissions[index % CALLERS]),
);

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/** The same through promises, as a request sees it. */
async function inProcess() {
  const library = new RateLimiterMemory({ points: 1e12, duration: WINDOW_MS / 1000 });
  const rivals = {
    'ring (60 sub-buckets)': (index) => memory.admit(admissions[index % CALLERS]),
    'rate-limiter-flexible, 8 calls': (index) =>
      Promise.all(admissions[index % CALLERS].counters.map(({ key, cost }) => library.consume(key, cost))),
  };
  print('\nIn process, 8 counters            p50 µs   p99 µs');
  for (const [name, admit] of Object.entries(rivals)) {
    const times = [];
    for (let index = 0; index < 60_000; index += 1) {
      const from = performance.now();
      await admit(index);
      if (index >= 10_000) times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => (quantile(times, part) * 1000).toFixed(1));
    print(`${name.padEnd(32)}${p50.padStart(8)}${p99.padStart(9)}`);
  }
}

const ZSET_LOG = `
local t = redis.call('TIME') local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
for i = 1, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], 0, now - tonumber(ARGV[1]))
  if redis.call('ZCARD', KEYS[i]) + 1 > tonumber(ARGV[2]) then return { i, 0 } end
end
for i = 1, #KEYS do redis.call('ZADD', KEYS[i], now, ARGV[3]) redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
return { 0, 0 }`;

const freePort = async () => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  return port;
};

/** Runs `count` admissions, `outstanding` at a time, and asks the server what it spent on scripts. */
async function measure(client, outstanding, count, admit) {
  for (let index = 0; index < 500; index += 1) await admit(index);
  await client.config('RESETSTAT');
  const times = [];
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: outstanding }, async () => {
      while (next < count) {
        const index = next++;
        const from = performance.now();
        await admit(index);
        times.push(performance.now() - from);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const statistics = await client.info('commandstats');
  let [microseconds, calls] = [0, 0];
  for (const [, count, spent] of statistics.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+),usec=(\d+)/g)) {
    calls += Number(count);
    microseconds += Number(spent);
  }
  times.sort((a, b) => a - b);
  return {
    rate: Math.round(count / seconds),
    p50: times[count >> 1],
    p99: times[Math.floor(count * 0.99)],
    serverUs: microseconds / count,
    perCall: calls === 0 ? count : count / calls,
  };
}

async function benchRedis() {
  const port = await freePort();
  const server = spawn(
    REDIS,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()],
    { stdio: 'ignore' },
  );
  const failed = once(server, 'error').then(() => true);
  if (await Promise.race([failed, sleep(300).then(() => false)])) {
    print('redis-server is not installed: the figures on Redis are left out.');
    return;
  }
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
  client.on('error', () => {});
  try {
    await client.ping();
    client.defineCommand('exactLog', { lua: ZSET_LOG });
    const store = new RedisRateLimitStore({ client, clock: new SystemClock(), policy: () => 'deny', timeoutMs: 1_000 });
    await store.start();
    const library = new RateLimiterRedis({
      storeClient: client,
      keyPrefix: 'library',
      points: 1e12,
      duration: WINDOW_MS / 1000,
    });
    const rivals = {
      'ring (60 sub-buckets)': (index) => store.admit(admissions[index % CALLERS]),
      'ring, one hot caller (permits)': () => store.admit(admissions[0]),
      'exact log (sorted set)': (index) => {
        const keys = admissions[index % CALLERS].counters.map(({ key }) => `{log}${key}`);
        return client.exactLog(keys.length, ...keys, WINDOW_MS, 1e9, String(index) + performance.now());
      },
      'rate-limiter-flexible, 8 calls': (index) =>
        Promise.all(admissions[index % CALLERS].counters.map(({ key, cost }) => library.consume(key, cost))),
    };
    print(
      '\nOn Redis, 8 counters            outstanding   calls/s   p50 ms   p99 ms   server µs each   admissions a call',
    );
    for (const [outstanding, count] of [
      [1, 4_000],
      [32, 20_000],
    ]) {
      for (const [name, admit] of Object.entries(rivals)) {
        const { rate, p50, p99, serverUs, perCall } = await measure(client, outstanding, count, admit);
        print(
          `${name.padEnd(32)}${String(outstanding).padStart(11)}${String(rate).padStart(10)}${p50.toFixed(3).padStart(9)}${p99.toFixed(3).padStart(9)}${serverUs.toFixed(1).padStart(17)}${perCall.toFixed(1).padStart(20)}`,
        );
      }
    }
    const bytes = await Promise.all([
      client.memory('USAGE', 'gw:rl:1:{main}:r:team:1'),
      client.memory('USAGE', '{log}r:team:1'),
    ]);
    print(`Memory of one busy counter: ring ${bytes[0]} bytes, exact log ${bytes[1]} bytes`);
    await store.stop();
  } finally {
    client.disconnect();
    server.kill();
  }
}

await inProcess();
await benchRedis();
