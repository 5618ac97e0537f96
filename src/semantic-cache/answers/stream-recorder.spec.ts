import { CancelSignal } from '../../core/cancel-signal';
import { UpstreamError } from '../../core/errors';
import type { StreamEvent, StreamReply } from '../../core/reply';
import { NO_USAGE } from '../../core/tokens';
import { madeEvent } from './made-event';
import { messageEvent } from './replay-anthropic';
import { StreamRecorder, type Recording } from './stream-recorder';

type Batch = readonly StreamEvent[];

const USAGE = { ...NO_USAGE, inputTokens: 3, outputTokens: 4 };
const chunk = (delta: object, more: object = {}): StreamEvent =>
  madeEvent('content', null, { id: 'c1', model: 'm', choices: [{ index: 0, delta, ...more }] });
const word = (content: string): StreamEvent => ({ ...chunk({ content }), text: content });
const FINISH: StreamEvent = { ...chunk({}, { finish_reason: 'stop' }), finish: 'stop' };
const FIGURES = madeEvent('usage', null, { id: 'c1', choices: [], usage: { prompt_tokens: 3 } }, { usage: USAGE });
const END = madeEvent('end', null, null);

/** A provider's stream that the test pushes on. */
class Upstream {
  readonly batches: AsyncIterable<Batch>;
  /** Batches that were taken. */
  taken = 0;
  isReturned = false;
  private readonly ready: (Batch | Error | null)[] = [];
  private wake: () => void = () => {};

  constructor() {
    this.batches = this.events();
  }

  push(...events: StreamEvent[]): void {
    this.add(events);
  }

  end(): void {
    this.add(null);
  }

  fail(error: Error): void {
    this.add(error);
  }

  private add(item: Batch | Error | null): void {
    this.ready.push(item);
    this.wake();
  }

  private async *events(): AsyncGenerator<Batch, void> {
    try {
      for (;;) {
        while (this.ready.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
        const item = this.ready.shift();
        if (item instanceof Error) throw item;
        if (!item) return;
        this.taken += 1;
        yield item;
      }
    } finally {
      this.isReturned = true;
    }
  }
}

/** Somebody who takes a stream batch by batch. */
class Reader {
  readonly events: StreamEvent[] = [];
  isDone = false;
  error: unknown = null;
  private readonly iterator: AsyncIterator<Batch>;

  constructor({ batches }: StreamReply) {
    this.iterator = batches[Symbol.asyncIterator]();
  }

  async take(): Promise<void> {
    try {
      const next = await this.iterator.next();
      if (next.done) this.isDone = true;
      else this.events.push(...next.value);
    } catch (error) {
      [this.isDone, this.error] = [true, error];
    }
  }

  async takeAll(): Promise<this> {
    while (!this.isDone) await this.take();
    return this;
  }

  get text(): string {
    return this.events.map(({ text }) => text).join('');
  }

  get kinds(): string {
    return this.events.map(({ kind }) => kind).join(' ');
  }
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('an answer that others follow', () => {
  let upstream: Upstream;
  let recorder: StreamRecorder;
  let recordings: Recording[];
  let followed: boolean[];
  let client: Reader;
  const open = (dialect: 'openai' | 'anthropic' = 'openai'): void => {
    upstream = new Upstream();
    [recordings, followed] = [[], []];
    recorder = new StreamRecorder(
      { kind: 'stream', dialect, model: 'm', batches: upstream.batches },
      { onEnd: (recording) => recordings.push(recording), onFollowed: (isFollowed) => followed.push(isFollowed) },
    );
    client = new Reader(recorder.recorded());
  };
  beforeEach(() => open());
  const follow = (signal = new CancelSignal(), onComplete = (): void => {}) => {
    const found = recorder.live.follow({ includeUsage: true, signal, onComplete });
    if (!found) throw new Error('it cannot be followed');
    return { reader: new Reader(found.reply), leave: found.leave, signal };
  };

  it('is had from its beginning, and then as it comes', async () => {
    upstream.push(word('One '));
    await client.take();
    upstream.push(word('two '));
    await client.take();
    let completed = 0;
    const { reader } = follow(undefined, () => (completed += 1));
    await reader.take();
    expect(reader.text).toBe('One two ');
    expect(reader.kinds).toBe('lifecycle content');
    const next = reader.take();
    upstream.push(word('three'));
    await next;
    expect(reader.text).toBe('One two three');
    expect(completed).toBe(0);
    upstream.push(FINISH);
    upstream.push(FIGURES);
    upstream.push(END);
    upstream.end();
    await Promise.all([reader.takeAll(), client.takeAll()]);
    expect(reader.kinds).toBe('lifecycle content content content usage end');
    expect(reader.events.find(({ kind }) => kind === 'usage')?.usage).toEqual(USAGE);
    expect(client.text).toBe('One two three');
    expect(recordings).toEqual([expect.objectContaining({ kind: 'json', finish: 'stop', usage: USAGE })]);
    expect([completed, followed]).toEqual([1, [true, false]]);
  });

  it('comes to those who follow while the first client takes nothing, and to him when he does', async () => {
    const { reader } = follow();
    for (const text of ['a', 'b', 'c']) upstream.push(word(text));
    upstream.push(FINISH, FIGURES, END);
    upstream.end();
    expect((await reader.takeAll()).text).toBe('abc');
    expect((await client.takeAll()).text).toBe('abc');
    expect(client.kinds).toBe('content content content content usage end');
  });

  it('is not read further ahead of the first client than there is room for', async () => {
    follow();
    const large = { ...word('x'), raw: Buffer.alloc(400_000) };
    for (let count = 0; count < 10; count += 1) upstream.push(large);
    await settled();
    expect(upstream.taken).toBe(3);
    await client.take();
    await settled();
    expect(upstream.taken).toBe(4);
    recorder.clientLeft();
    await settled();
    expect(upstream.taken).toBe(10);
  });

  it('keeps nothing for who is slow, and gives him the rest in one piece', async () => {
    const { reader } = follow();
    upstream.push(word('a'));
    await reader.take();
    for (let count = 0; count < 100; count += 1) upstream.push(word('b'));
    upstream.push(FINISH, END);
    upstream.end();
    await client.takeAll();
    await reader.take();
    expect(reader.events.filter(({ kind, text }) => kind === 'content' && text !== '')).toHaveLength(2);
    expect((await reader.takeAll()).text).toBe(`a${'b'.repeat(100)}`);
  });

  it('goes on when the first client has left, until nobody follows', async () => {
    const [one, two] = [follow(), follow()];
    upstream.push(word('a'));
    await client.take();
    recorder.clientLeft();
    upstream.push(word('b'));
    await settled();
    one.leave();
    one.leave();
    expect(followed).toEqual([true]);
    await two.reader.take();
    expect(two.reader.text).toBe('ab');
    two.leave();
    expect(followed).toEqual([true, false]);
  });

  it('ends for who follows when he is gone himself', async () => {
    const { reader, signal } = follow();
    upstream.push(word('a'));
    await reader.take();
    const next = reader.take();
    signal.abort();
    await next;
    expect(reader.error).toMatchObject({ failure: 'cancelled' });
    expect(followed).toEqual([true, false]);
  });

  it('breaks off for all when the provider fails, and cannot be followed after that', async () => {
    const { reader } = follow();
    const error = new UpstreamError('p', 'unavailable', 'gone', { reason: 'connection_lost' });
    upstream.push(word('a'));
    upstream.fail(error);
    await Promise.all([reader.takeAll(), client.takeAll()]);
    expect([reader.text, reader.error, client.error]).toEqual(['a', error, error]);
    expect(recordings).toEqual(['broken']);
    expect(recorder.live.follow({ includeUsage: true, signal: new CancelSignal(), onComplete: () => {} })).toBeNull();
  });

  it('tells nobody else what ended the call of the first one', async () => {
    const { reader } = follow();
    upstream.push(word('a'));
    upstream.fail(new Error('the budget of somebody'));
    await Promise.all([reader.takeAll(), client.takeAll()]);
    expect(reader.error).toMatchObject({ failure: 'unavailable', reason: 'shared_answer_ended' });
    expect(String(reader.error)).not.toContain('budget');
  });

  it('is passed on as it is where it cannot be put together, to those who have begun', async () => {
    const { reader } = follow();
    upstream.push(word('a'));
    await reader.take();
    const odd = chunk({}, { finish_reason: 'stop', matched_stop: 7 });
    upstream.push(word('b'), odd);
    upstream.push(END);
    upstream.end();
    await Promise.all([reader.takeAll(), client.takeAll()]);
    expect(reader.text).toBe('ab');
    expect(reader.events.slice(-2)).toEqual([odd, END]);
    expect(recordings).toEqual(['unknown_content']);
    expect(recorder.live.follow({ includeUsage: true, signal: new CancelSignal(), onComplete: () => {} })).toBeNull();
  });

  it('too long to be stored comes to its end; too long to be passed on breaks off', async () => {
    const part = 'x'.repeat(100_000);
    for (const [parts, isWhole] of [
      [4, true],
      [7, false],
    ] as const) {
      open();
      const { reader } = follow();
      for (let count = 0; count < parts; count += 1) upstream.push(word(part));
      upstream.push(FINISH, END);
      upstream.end();
      await Promise.all([reader.takeAll(), client.takeAll()]);
      expect(client.text).toHaveLength(parts * 100_000);
      expect(reader.error === null).toBe(isWhole);
      if (isWhole) expect(reader.text).toHaveLength(parts * 100_000);
      expect(recordings).toEqual(['too_large']);
    }
  });

  it('of Anthropic is told again block by block', async () => {
    open('anthropic');
    const start = { type: 'message_start', message: { id: 'msg', content: [], usage: { input_tokens: 3 } } };
    const block = (index: number, type: string) =>
      messageEvent('lifecycle', { type: 'content_block_start', index, content_block: { type, [type]: '' } });
    const piece = (index: number, type: string, text: string) =>
      messageEvent(
        'content',
        { type: 'content_block_delta', index, delta: { type: `${type}_delta`, [type]: text } },
        { text },
      );
    upstream.push(messageEvent('lifecycle', start), block(0, 'thinking'), piece(0, 'thinking', 'Hm'));
    upstream.push(piece(0, 'thinking', 'm.'), messageEvent('lifecycle', { type: 'content_block_stop', index: 0 }));
    upstream.push(block(1, 'text'), piece(1, 'text', 'Yes'));
    for (let count = 0; count < 3; count += 1) await client.take();
    const { reader } = follow();
    await reader.take();
    expect(reader.text).toBe('Hmm.Yes');
    const next = reader.take();
    upstream.push(piece(1, 'text', ', sir'), messageEvent('lifecycle', { type: 'content_block_stop', index: 1 }));
    await next;
    const ending = { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 4 } };
    upstream.push(messageEvent('usage', ending, { usage: USAGE, finish: 'stop' }));
    upstream.push(messageEvent('end', { type: 'message_stop' }));
    upstream.end();
    await Promise.all([reader.takeAll(), client.takeAll()]);
    expect(reader.events.map(({ name }) => name)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(reader.text).toBe('Hmm.Yes, sir');
    expect(recordings).toEqual([
      expect.objectContaining({
        value: expect.objectContaining({
          content: [
            { type: 'thinking', thinking: 'Hmm.' },
            { type: 'text', text: 'Yes, sir' },
          ],
        }) as unknown,
      }),
    ]);
  });
});
