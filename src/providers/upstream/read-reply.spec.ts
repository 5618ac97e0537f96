import { setImmediate as turn } from 'node:timers/promises';
import { CancelSignal } from '../../core/cancel-signal';
import { UpstreamError } from '../../core/errors';
import { MAX_EVENT_BYTES } from '../../core/sse-parser';
import { OpenAiStreamReader } from '../openai/from-openai';
import { readStream } from './read-reply';
import { UpstreamExchange } from './upstream-exchange';

/** Instead of undici's controller. */
const none = { abort: () => undefined, pause: () => undefined, resume: () => undefined } as unknown as Parameters<
  UpstreamExchange['onRequestStart']
>[0];

const timeouts = { connectMs: 1000, firstByteMs: 1000, idleMs: 1000, totalMs: 5000 };
const headers = { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked' };

const chunk = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;

/** What is said of a stream whose bytes come in these pieces, each in a turn of its own: the texts of its events, and the error that ends it. */
async function read(...pieces: string[]): Promise<{ texts: string[]; failure: unknown }> {
  const exchange = new UpstreamExchange('p', timeouts, new CancelSignal(), () => undefined);
  exchange.onRequestStart(none);
  exchange.onResponseStart(none, 200, headers);
  const texts: string[] = [];
  const reading = (async () => {
    const batches = readStream('p', await exchange.head, exchange, new OpenAiStreamReader('p'));
    for await (const batch of batches) texts.push(...batch.map(({ text }) => text));
    return null;
  })().catch((failure: unknown) => failure);
  for (const piece of pieces) {
    await turn();
    exchange.onResponseData(none, Buffer.from(piece));
  }
  await turn();
  exchange.onResponseEnd();
  return { failure: await reading, texts };
}

describe('a stream as it is read', () => {
  it('hands on what came before an event that is too large, also in the same piece', async () => {
    const { texts, failure } = await read(
      `${chunk('a')}${chunk('b')}${chunk('c')}data: ${'x'.repeat(MAX_EVENT_BYTES)}`,
    );
    expect(texts.join('')).toBe('abc');
    expect(failure).toBeInstanceOf(UpstreamError);
    expect(failure).toMatchObject({ reason: 'event_too_large' });
  });

  it('hands on what came before an event that is no JSON', async () => {
    const { texts, failure } = await read(`${chunk('a')}${chunk('b')}data: {"id":\n\n${chunk('c')}`);
    expect(texts.join('')).toBe('ab');
    expect(failure).toMatchObject({ reason: 'malformed' });
  });

  it('reads chunks that are alike in one piece, and ends as the provider ended', async () => {
    const end = 'data: [DONE]\n\n';
    const whole = await read(chunk('a') + chunk('b') + chunk('c') + end);
    expect(whole).toEqual({ texts: ['a', 'bc', ''], failure: null });
    const cut = await read(chunk('a') + chunk('b') + chunk('c').slice(0, 40), chunk('c').slice(40) + end);
    expect(cut).toEqual({ texts: ['a', 'b', 'c', ''], failure: null });
  });
});
