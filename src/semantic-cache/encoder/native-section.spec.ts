import { NativeSection } from './native-section';

/** Whether it is over within a few turns of the clock. */
const isOver = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<false>((resolve) => setTimeout(() => resolve(false), 20))]);

describe('NativeSection', () => {
  let thread: NativeSection;
  let other: NativeSection;
  beforeEach(() => {
    other = new NativeSection();
    thread = new NativeSection(other.shared);
  });

  it('is left once the call inside has come back, whether it succeeds or not', async () => {
    expect(await thread.run(() => Promise.resolve(7))).toBe(7);
    let fail = (_error: Error): void => {};
    const second = thread.run(() => new Promise((_, reject) => (fail = reject)));
    const shut = other.shut();
    expect(await isOver(shut)).toBe(false);
    fail(new Error('no such model'));
    await expect(second).rejects.toThrow('no such model');
    await shut;
  });

  it('nothing begins once it is shut', async () => {
    await other.shut();
    const native = jest.fn(() => Promise.resolve());
    expect(await isOver(thread.run(native))).toBe(false);
    expect(native).not.toHaveBeenCalled();
    // Having looked, the thread is outside again.
    await other.shut();
  });

  it('a thread that has ended inside is outside', async () => {
    void thread.run(() => new Promise(() => {}));
    const shut = other.shut();
    expect(await isOver(shut)).toBe(false);
    other.leave();
    await shut;
  });

  it('an exit waits for no longer than it is told to, and shuts it all the same', async () => {
    void thread.run(() => new Promise(() => {}));
    // Blocks: with the thread inside, this test hangs when it has no end.
    other.shutNow(5);
    other.leave();
    const native = jest.fn(() => Promise.resolve());
    expect(await isOver(thread.run(native))).toBe(false);
    expect(native).not.toHaveBeenCalled();
  });
});
