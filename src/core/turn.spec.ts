import { atEndOfTurn } from './turn';

/** Resolves in the next turn of the event loop. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const put = (): Promise<void> => new Promise((resolve) => atEndOfTurn(resolve));

describe('atEndOfTurn', () => {
  it('runs nothing at once, and everything of the turn in its order', async () => {
    const ran: number[] = [];
    for (const number of [1, 2, 3]) atEndOfTurn(() => ran.push(number));
    await Promise.resolve();
    expect(ran).toEqual([]);
    await nextTurn();
    expect(ran).toEqual([1, 2, 3]);
  });

  it('leaves what is put off meanwhile to the next turn', async () => {
    const ran: string[] = [];
    atEndOfTurn(() => {
      ran.push('first');
      atEndOfTurn(() => ran.push('second'));
    });
    await nextTurn();
    expect(ran).toEqual(['first']);
    await nextTurn();
    expect(ran).toEqual(['first', 'second']);
  });

  it('lets those that came together go on side by side, whatever each waits for on its way', async () => {
    const steps: string[] = [];
    const walk = async (name: string): Promise<void> => {
      await put();
      for (const step of ['parsed', 'recorded', 'sent']) {
        steps.push(`${name} ${step}`);
        await Promise.resolve();
      }
    };
    await Promise.all([walk('a'), walk('b')]);
    expect(steps).toEqual(['a parsed', 'b parsed', 'a recorded', 'b recorded', 'a sent', 'b sent']);
  });

  it('goes by the real turns where a test has the timers in hand', async () => {
    jest.useFakeTimers();
    try {
      await expect(put()).resolves.toBeUndefined();
    } finally {
      jest.useRealTimers();
    }
  });
});
