import path from 'node:path';
import { until } from '../../../test/support/until';
import { EncoderThread } from './encoder-thread';

const FILE = path.join(__dirname, 'testing', 'odd.thread.ts');

describe('EncoderThread', () => {
  let now = 0;
  let thread: EncoderThread;
  const open = (data: unknown = null): EncoderThread => (thread = new EncoderThread(FILE, data, () => now));
  afterEach(() => thread.close());

  const answers = (text: string): Promise<boolean> =>
    thread.encode(text).then(
      () => true,
      () => false,
    );

  it('answers each text with its own vector, many at a time', async () => {
    open();
    const texts = Array.from({ length: 40 }, (_, index) => 'x'.repeat(index + 1));
    const vectors = await Promise.all(texts.map((text) => thread.encode(text)));
    expect(vectors.map((vector) => vector[0])).toEqual(texts.map(({ length }) => length));
    expect(Math.max(...vectors.map((vector) => Number(vector[1])))).toBeGreaterThan(1);
    expect(await thread.encode('long')).toBe('too_long');
  });

  it('one refused text refuses no later one', async () => {
    open();
    await expect(thread.encode('refuse')).rejects.toThrow('refused');
    expect(await thread.encode('abc')).toEqual(Float32Array.of(3, 1));
  });

  it('a thread that dies is replaced', async () => {
    open();
    await expect(thread.encode('crash')).rejects.toThrow(/ended/);
    await expect(thread.encode('abc')).rejects.toThrow('starting again');
    await until(() => answers('abc'));
  });

  it('a thread that hangs is replaced', async () => {
    open();
    await thread.encode('abc');
    const hung = thread.encode('hang');
    hung.catch(() => {});
    now += 5_000;
    await expect(thread.encode('abc')).rejects.toThrow('starting again');
    await expect(hung).rejects.toThrow('does not answer');
    await until(() => answers('abc'));
  });

  it('a thread that works through what waits is not stuck, however long that takes', async () => {
    open();
    await thread.encode('abc');
    const first = thread.encode('work');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = thread.encode('work');
    now += 4_900;
    await first;
    now += 1_000;
    const third = thread.encode('abc');
    // How many of them travel together is the thread's business.
    const lengths = [await second, await third].map((vector) => vector[0]);
    expect(lengths).toEqual([4, 3]);
  });

  it('a model that takes long to load is waited for', async () => {
    open('large');
    const first = thread.encode('abc');
    expect(thread.name).toBeNull();
    now += 60_000;
    const second = thread.encode('abc');
    expect(await Promise.all([first, second])).toHaveLength(2);
    expect(thread.name).toBe('odd');
  });

  it('a model that has become another is not used', async () => {
    open('renamed');
    await thread.encode('abc');
    const { name } = thread;
    await expect(thread.encode('crash')).rejects.toThrow(/ended/);
    await until(() =>
      thread.encode('abc').then(
        () => false,
        (error: Error) => /files have changed/.test(error.message),
      ),
    );
    expect(thread.name).toBe(name);
  });

  it('no more wait than it can take', async () => {
    open();
    await thread.encode('abc');
    const all = await Promise.allSettled(Array.from({ length: 300 }, () => thread.encode('abc')));
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(300 - 256);
  });

  it('a model that cannot be loaded is said, and not tried again', async () => {
    open('broken');
    await expect(thread.encode('abc')).rejects.toThrow('no model');
    await expect(thread.encode('abc')).rejects.toThrow('no model');
  });
});
