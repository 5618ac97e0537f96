import { threadId } from 'node:worker_threads';
import { answerEncodings, type LoadedModel } from '../encoder-thread.port';
import type { NativeSection } from '../native-section';
import type { Encoded } from '../prompt-encoder';

const LOADING_MS = 200;
const WORK_MS = 300;

/** Sleeps where nothing can interrupt it. */
function sleep(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WORK_MS);
}

/** A thread that does what the text says. */
function encode(text: string, batch: number): Encoded {
  if (text === 'refuse') throw new Error('refused');
  if (text === 'crash') process.exit(3);
  if (text === 'hang') for (;;);
  if (text === 'work') sleep();
  return text === 'long' ? 'too_long' : Float32Array.of(text.length, batch);
}

async function load(_native: NativeSection, kind: string | null): Promise<LoadedModel> {
  if (kind === 'broken') throw new Error('no model');
  if (kind === 'large') await new Promise((resolve) => setTimeout(resolve, LOADING_MS));
  return {
    name: kind === 'renamed' ? `odd-${threadId}` : 'odd',
    encode: (texts) => Promise.resolve(texts.map((text) => encode(text, texts.length))),
  };
}

answerEncodings(load);
