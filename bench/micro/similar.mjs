// What it takes to find a question in other words: what the guard says beforehand, its vector, the search among others, the guard's verdict.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { openUseLite } = require('../../dist/semantic-cache/encoder/use-lite/use-lite-session.js');
const { GuardIndex } = require('../../dist/semantic-cache/guard/guard-index.js');
const { parseText } = require('../../dist/semantic-cache/guard/parse-text.js');
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
const asked = parseText('What are the benefits of microservices?');
await time('verdict of the guard', 2_000, () =>
  judgeLikeness('balanced', { stored: parseText('What are the advantages of microservices?'), asked }, 0.93, 0.9),
);

/** A name without a number in it. */
const nameOf = (id) => `X${String(id).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)])}`;
const KINDS = ['How do I reset', 'Why is there', 'What is the price of', 'When was there', 'Where is', 'Can I sell'];
const TEXTS = 100_000;
const guarded = (textOf) => {
  const index = new GuardIndex();
  for (let id = 0; id < TEXTS; id += 1) index.add(String(id), textOf(id));
  while (index.unread.size > 0) index.mayHoldLike(asked);
  return index;
};
const many = guarded((id) => `${KINDS[id % 6]} the ${nameOf(id % 4_999)} number ${id % 97} in the office?`);
const other = parseText('How do I reset the Zeppelin number 5 in the office?');
await time(`can any of ${TEXTS.toLocaleString('en')} texts do: none`, 2_000, () => many.mayHoldLike(other));
// All of one kind, and none has the name that is asked about: as many are looked at as are ever looked at.
const alike = guarded((id) => `How do I reset the ${nameOf(id)} in the office?`);
const unknown = parseText('How do I reset the Zeppelin in the office?');
await time('the same, where they differ in the name only', 500, () => alike.mayHoldLike(unknown));
process.exit(0);
