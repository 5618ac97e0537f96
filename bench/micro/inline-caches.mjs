// Which places of the gateway make V8 look up a property the slow way with every request: half a microsecond each time and
// more. The usual cause is an object spread that adds a property (`{ ...entry, more }`): its result has a hidden class of
// its own each time, so that everything that reads it is slow too.
import { createReadStream, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, removeAtEnd, scratchFolder, stopAll } from '../machine.mjs';
import { prepareTools, startMock } from '../tools.mjs';
import { MODEL, startGateway } from '../variants.mjs';

const WARM_UP_REQUESTS = 3_000;
const MEASURED_REQUESTS = 1_000;
const AT_A_TIME = 8;
/** What misses more seldom is no part of every request. Half of the requests are streams. */
const SHARE = 0.2;
/** From megamorphic to megamorphic: nothing was found that could be kept. */
const MISS = ['N', 'N'];

const root = path.join(import.meta.dirname, '..', '..');

async function ask(gateway, index) {
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...Object.fromEntries(gateway.headers.map((line) => line.split(': '))),
    },
    body: JSON.stringify({
      model: MODEL,
      max_tokens: 64,
      stream: index % 2 === 1,
      messages: [{ role: 'user', content: `Question ${index}` }],
    }),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`the gateway answers ${answer.status}: ${text.slice(0, 300)}`);
}

async function askMany(gateway, count) {
  let next = 0;
  const client = async () => {
    while (next < count) await ask(gateway, next++);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, client));
}

/** The code objects of a log by address, the newest last, and the misses behind `fromByte`. */
async function readLog(file, fromByte) {
  const codes = [];
  const misses = [];
  let offset = 0;
  for await (const line of createInterface({ input: createReadStream(file, 'latin1') })) {
    offset += line.length + 1;
    const fields = line.split(',');
    if (fields[0] === 'code-creation') {
      codes.push({ address: Number(fields[4]), size: Number(fields[5]), name: fields[6] ?? '' });
    } else if (/^(Keyed)?(Load|Store)IC$/.test(fields[0]) && offset > fromByte) {
      const [kind, address, , row, column, before, after, , property] = fields;
      if (before === MISS[0] && after === MISS[1])
        misses.push({ kind, address: Number(address), at: `${row}:${column}`, property });
    }
  }
  return { codes: codes.sort((a, b) => a.address - b.address), misses };
}

function nameAt(codes, address) {
  let [low, high] = [0, codes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (codes[middle].address <= address) low = middle + 1;
    else high = middle;
  }
  const code = codes[low - 1];
  return code && address < code.address + code.size + 256 ? code.name.replace(`${root}${path.sep}`, '') : '(unknown)';
}

const folder = removeAtEnd(scratchFolder('inline-caches'));
mkdirSync(folder, { recursive: true });
const log = path.join(folder, 'v8.log');
const upstreamPort = await freePort();
await startMock(prepareTools(), upstreamPort);
const gateway = await startGateway(upstreamPort, {
  flags: ['--log-ic', `--logfile=${log}`, '--no-logfile-per-isolate'],
});
await askMany(gateway, WARM_UP_REQUESTS);
const fromByte = statSync(log).size;
await askMany(gateway, MEASURED_REQUESTS);
const toByte = statSync(log).size;
const { codes, misses } = await readLog(log, fromByte);
const places = new Map();
for (const { kind, address, at, property } of misses) {
  const place = `${nameAt(codes, address)}  ${at}  ${kind} ${property}`;
  places.set(place, (places.get(place) ?? 0) + 1);
}
const often = [...places].filter(([, count]) => count >= MEASURED_REQUESTS * SHARE).sort((a, b) => b[1] - a[1]);
process.stdout.write(
  `${often.length} places look a property up the slow way with every request (of ${MEASURED_REQUESTS}, ${toByte - fromByte} bytes of log)\n`,
);
for (const [place, count] of often) process.stdout.write(`${String(count).padStart(6)}  ${place}\n`);
await stopAll();
process.exit(often.length === 0 ? 0 : 1);
