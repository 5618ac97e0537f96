import { workerData } from 'node:worker_threads';
import { answerEncodings } from '../encoder-thread.port';

/** A thread that does what the text says. */
function encode(text: string, batch: number): Float32Array | null {
  if (text === 'refuse') throw new Error('refused');
  if (text === 'crash') process.exit(3);
  if (text === 'hang') for (;;);
  return text === 'long' ? null : Float32Array.of(text.length, batch);
}

const opening =
  workerData === 'broken'
    ? Promise.reject(new Error('no model'))
    : Promise.resolve((texts: readonly string[]) => Promise.resolve(texts.map((text) => encode(text, texts.length))));

answerEncodings(opening);
