import { parentPort, workerData } from 'node:worker_threads';
import { NativeSection } from './native-section';
import type { Encoded } from './prompt-encoder';

export interface EncodingOrder {
  readonly id: number;
  readonly text: string;
}

export type EncodingAnswer =
  | { readonly kind: 'ready'; readonly name: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'encoded'; readonly id: number; readonly encoded: Encoded }
  | { readonly kind: 'refused'; readonly id: number; readonly message: string };

/** What a thread is started with. */
export interface EncoderStart<Model> {
  readonly model: Model;
  /** State of its `NativeSection`. */
  readonly native: SharedArrayBuffer;
}

/** An encoder, ready for texts. */
export interface LoadedModel {
  /** Model and version. */
  readonly name: string;
  readonly encode: (texts: readonly string[]) => Promise<readonly Encoded[]>;
}

/** Texts that are encoded together. */
const MAX_BATCH = 16;

/**
 * The thread's side: takes orders as they come, and whatever has come while a batch ran makes the next one. `open`
 * loads the model; when it fails, the other side is told why. What it runs outside JavaScript belongs into `native`.
 */
export function answerEncodings<Model>(open: (native: NativeSection, model: Model) => Promise<LoadedModel>): void {
  const port = parentPort;
  if (!port) throw new Error('this file runs in a worker thread');
  const waiting: EncodingOrder[] = [];
  let wake = (): void => {};
  const say = (answer: EncodingAnswer): void => port.postMessage(answer);
  port.on('message', (order: EncodingOrder) => {
    waiting.push(order);
    wake();
  });
  const { model, native } = workerData as EncoderStart<Model>;
  open(new NativeSection(native), model).then(
    async ({ name, encode }) => {
      say({ kind: 'ready', name });
      for (;;) {
        if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        // What was sent in one go arrives in one turn of the loop.
        await new Promise(setImmediate);
        await answerBatch(waiting.splice(0, MAX_BATCH), encode, say);
      }
    },
    (error: unknown) => say({ kind: 'failed', message: messageOf(error) }),
  );
}

async function answerBatch(
  orders: readonly EncodingOrder[],
  encode: LoadedModel['encode'],
  say: (answer: EncodingAnswer) => void,
): Promise<void> {
  try {
    const all = await encode(orders.map(({ text }) => text));
    orders.forEach(({ id }, index) => say({ kind: 'encoded', id, encoded: all[index]! }));
  } catch (error) {
    for (const { id } of orders) say({ kind: 'refused', id, message: messageOf(error) });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
