import './typescript-threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { UseLitePromptEncoder } from '../../src/semantic-cache/encoder/use-lite/use-lite.prompt-encoder';

const ROUNDS = 20;

/** An encoder that has more to do than it can in the time it is given. */
async function busyEncoder(): Promise<UseLitePromptEncoder> {
  const encoder = new UseLitePromptEncoder(30_000, () => performance.now());
  await encoder.encode('ready');
  for (let text = 0; text < 60; text += 1)
    encoder.encode(`${'how many people live in the capital of France '.repeat(3)}${text}`).catch(() => {});
  return encoder;
}

/** Closes encoders amid their work, then leaves while one works. */
async function main(): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const encoder = await busyEncoder();
    await sleep(round);
    await encoder.close();
  }
  process.stdout.write('closed\n');
  await busyEncoder();
  await sleep(10);
  process.exit(3);
}

void main();
