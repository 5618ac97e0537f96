import { workerData } from 'node:worker_threads';
import { answerEncodings } from '../encoder-thread.port';
import type { Encoded } from '../prompt-encoder';

/** A thread that does what the text says. */
function encode(text: string, batch: number): Encoded {
  if (text === 'refuse') throw new Error('refused');
  if (text === 'crash') process.exit(3);
  if (text === 'hang') for (;;);
  return text === 'long' ? 'too_long' : Float32Array.of(text.length, batch);
}

const opening =
  workerData === 'broken'
    ? Promise.reject(new Error('no model'))
    : Promise.resolve({
        name: 'odd',
        encode: (texts: readonly string[]) => Promise.resolve(texts.map((text) => encode(text, texts.length))),
      });

answerEncodings(opening);
