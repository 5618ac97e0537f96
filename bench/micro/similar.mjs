// What it takes to find a question in other words: its vector, the search among 10,000 others, the guard's verdict.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { openUseLite } = require('../../dist/semantic-cache/encoder/use-lite/use-lite-session.js');
const { judgeLikeness } = require('../../dist/semantic-cache/likeness.js');
const { MemoryVectorIndex } = require('../../dist/semantic-cache/store/memory.vector-index.js');
const { toBytes } = require('../../dist/semantic-cache/store/vector-index.js');

const DIMENSION = 512;
const random = (length) => Float32Array.from({ length }, () => Math.random() - 0.5);

async function time(name, rounds, run) {
  for (let round = 0; round < rounds / 4; round += 1) await run(round);
  const took = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    await run(round);
    took.push(performance.now() - startedAt);
  }
  took.sort((left, right) => left - right);
  const at = (share) => took[Math.floor(took.length * share)].toFixed(3);
  process.stdout.write(`${name.padEnd(44)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms\n`);
}

const { encode } = await openUseLite();
const text = 'What is the way to reset the password of the office router for guests and visitors?';
await time('vector of a prompt of about 20 tokens', 400, (round) => encode([`${text} ${round % 10}`]));
for (const size of [10_000, 100_000]) {
  const index = new MemoryVectorIndex(() => 0, { vectors: size, partition: size });
  for (let id = 0; id < size; id += 1) {
    const record = { id: String(id), partition: 'p', vector: toBytes(random(DIMENSION)), text: '', floor: 0 };
    await index.upsert({ ...record, expiresAtMs: 1 });
  }
  const query = toBytes(random(DIMENSION));
  await time(`search among ${size.toLocaleString('en')}`, 200, () => index.search('p', query, 8));
}
const pair = { stored: 'What are the advantages of microservices?', asked: 'What are the benefits of microservices?' };
await time('verdict of the guard', 2_000, () => judgeLikeness('balanced', pair, 0.93, 0.9));
process.exit(0);
