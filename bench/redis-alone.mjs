// `node bench/redis-alone.mjs URL PAUSE_MS`: the waiting times of 200 calls of GET in milliseconds, as a JSON list, after 1,000 to warm up.
import { Redis } from 'ioredis';

const [url, pause] = process.argv.slice(2);
const redis = new Redis(url);
for (let call = 0; call < 1_000; call += 1) await redis.get('nothing');
const waits = [];
for (let call = 0; call < 200; call += 1) {
  await new Promise((resolve) => setTimeout(resolve, Number(pause)));
  const startedAt = performance.now();
  await redis.get('nothing');
  waits.push(performance.now() - startedAt);
}
redis.disconnect();
process.stdout.write(JSON.stringify(waits));
