// Putting an attempt on record before it is made and settling it after, with checksums, rotation and syncing in the background;
// the rival writes two lines of JSON to an open file and promises nothing.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { built, compare } from './harness.mjs';

const { Journal } = built('billing/journal/journal');
const { journalOptions } = built('billing/journal/journal-options');
const { SystemClock } = built('platform/clock');

// It would tell that nothing ships these records, which is so.
Logger.overrideLogger(false);
const folder = path.join(tmpdir(), `gateway-bench-${process.pid}-journal`);
/** More than a run writes: a full journal refuses, which is not what is timed. */
const maxBytes = 8 * 1024 ** 3;
const journal = await Journal.start(
  `inst_bench${process.pid}`,
  journalOptions(path.join(folder, 'journal'), { maxBytes }),
  new SystemClock(),
);
const file = openSync(path.join(folder, 'plain'), 'a');

const payloadOf = (index) =>
  JSON.stringify({
    attempt: `att_${index}`,
    request: `req_${index}`,
    key: 'key_0199a1b2c3d4e5f60718293a4b',
    team: 'team_0199a1b2c3d4e5f60718293a4b',
    provider: 'openai',
    model: 'gpt-4o-mini',
    tokens: { input: 180, output: 150 },
    cost: '117000',
  });

try {
  compare(
    'intent and settlement of an attempt',
    (index) => {
      journal.intent(`att_${index}`, payloadOf(index));
      journal.settle(`att_${index}`, payloadOf(index));
    },
    'two lines of JSON, writeSync',
    (index) => {
      writeSync(file, `${payloadOf(index)}\n`);
      writeSync(file, `${payloadOf(index)}\n`);
    },
  );
} finally {
  await journal.close();
  closeSync(file);
  rmSync(folder, { recursive: true, force: true });
}
