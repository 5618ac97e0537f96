// Times two ways of doing one thing in the same process, in turns, so that what disturbs one disturbs the other.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROUNDS = 15;
const ROUND_MS = 60;

const require = createRequire(import.meta.url);

/** A built module of the gateway. */
export function built(name) {
  const file = path.join(import.meta.dirname, '..', '..', 'dist', `${name}.js`);
  if (!existsSync(file)) {
    process.stderr.write(`dist/${name}.js does not exist: run \`npm run build\` first.\n`);
    process.exit(1);
  }
  return require(file);
}

/** What the timed functions return ends here, so that no engine may skip the work. */
let sink;

function nanosecondsEach(work, count) {
  const startedAt = process.hrtime.bigint();
  for (let index = 0; index < count; index += 1) sink = work(index);
  return Number(process.hrtime.bigint() - startedAt) / count;
}

/** So many calls that a round takes about `ROUND_MS`; also what warms the code up. */
function calibrate(work) {
  let count = 1;
  for (;;) {
    const each = nanosecondsEach(work, count);
    if (each * count >= ROUND_MS * 1e6) return Math.max(1, Math.round((ROUND_MS * 1e6) / each));
    count *= 2;
  }
}

const median = (values) => values.sort((left, right) => left - right)[values.length >> 1];

const readable = (nanoseconds) =>
  nanoseconds >= 10_000 ? `${(nanoseconds / 1000).toFixed(1)} µs` : `${nanoseconds.toFixed(0)} ns`;

/** Prints one line: the time of `own`, the time of its rival, and how many times the rival's time `own` takes. */
export function compare(what, own, rivalName, rival) {
  const counts = [calibrate(own), calibrate(rival)];
  const samples = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    samples[0].push(nanosecondsEach(own, counts[0]));
    samples[1].push(nanosecondsEach(rival, counts[1]));
  }
  const [ownTime, rivalTime] = samples.map(median);
  const ratio = `${(ownTime / rivalTime).toFixed(2)}×`;
  process.stdout.write(
    `${what.padEnd(44)}${readable(ownTime).padStart(10)}   ${`${rivalName}:`.padEnd(34)}${readable(rivalTime).padStart(10)}   ${ratio.padStart(7)}\n`,
  );
  return sink;
}

/** Runs work on a PostgreSQL of its own with the gateway's schema and durable defaults; it is gone afterwards. */
export async function withDatabase(work) {
  const { EmbeddedPostgres } = built('platform/database/embedded/index');
  const { databaseOptions } = built('platform/database/database-options');
  const { DataSource } = require('typeorm');
  const directory = mkdtempSync(path.join(tmpdir(), 'gateway-bench-'));
  const postgres = new EmbeddedPostgres({ dataDirectory: directory, log: () => undefined });
  await postgres.start();
  const database = new DataSource({ ...databaseOptions(postgres.url), logging: false });
  try {
    await database.initialize();
    await database.runMigrations();
    await work(database);
  } finally {
    if (database.isInitialized) await database.destroy();
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
