import type { ChatReply, StreamEvent } from '../core/reply';
import { race, type Start } from './hedge';

const event = (text: string): StreamEvent => ({
  kind: 'content',
  name: null,
  data: null,
  raw: null,
  usage: null,
  text,
  finish: null,
});

/** A call that the test answers. */
function call(name: string) {
  let resolve: (reply: ChatReply) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const answer = new Promise<ChatReply>((...both) => ([resolve, reject] = both));
  const seen = { signal: null as AbortSignal | null, readToTheEnd: false };
  const begin: Start = (signal) => {
    seen.signal = signal;
    return answer;
  };
  async function* batches(): AsyncGenerator<readonly StreamEvent[], void> {
    await Promise.resolve();
    yield [event(name)];
    if (seen.signal?.aborted) {
      seen.readToTheEnd = true;
      throw new Error('cancelled');
    }
  }
  const reply: ChatReply = { kind: 'stream', dialect: 'openai', model: name, batches: batches() };
  return { begin, seen, succeed: () => resolve(reply), fail: () => reject(new Error(name)) };
}

const now = Promise.resolve();
const never = new Promise<void>(() => undefined);
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('race (UPS-8)', () => {
  it('asks nobody else when the first is in time', async () => {
    const first = call('first');
    const second = jest.fn(() => null);
    first.succeed();
    expect(await race(first.begin, never, second)).toMatchObject({ winner: 'first', reply: { model: 'first' } });
    expect(second).not.toHaveBeenCalled();
  });

  it.each(['first', 'second'] as const)('keeps whoever begins first and stops the other: %s', async (winner) => {
    const calls = { first: call('first'), second: call('second') };
    const loser = winner === 'first' ? 'second' : 'first';
    const result = race(calls.first.begin, now, () => calls.second.begin);
    await settled();
    calls[winner].succeed();
    expect(await result).toEqual({ winner, reply: expect.objectContaining({ model: winner }) as object, errors: {} });
    expect(calls[loser].seen.signal?.aborted).toBe(true);
    expect(calls[winner].seen.signal?.aborted).toBe(false);
    // One that began in the same moment is read, so that its attempt ends.
    calls[loser].succeed();
    await settled();
    expect(calls[loser].seen.readToTheEnd).toBe(true);
  });

  it.each(['first', 'second'] as const)('waits for the other when one fails: %s', async (failing) => {
    const calls = { first: call('first'), second: call('second') };
    const other = failing === 'first' ? 'second' : 'first';
    const result = race(calls.first.begin, now, () => calls.second.begin);
    await settled();
    calls[failing].fail();
    await settled();
    calls[other].succeed();
    expect(await result).toMatchObject({ winner: other, errors: { [failing]: new Error(failing) } });
    expect(calls[other].seen.signal?.aborted).toBe(false);
  });

  it('tells why each failed when both do, and of one alone', async () => {
    const [first, second] = [call('first'), call('second')];
    const both = race(first.begin, now, () => second.begin);
    await settled();
    second.fail();
    first.fail();
    expect(await both).toEqual({
      winner: null,
      reply: null,
      errors: { first: new Error('first'), second: new Error('second') },
    });
    const alone = call('alone');
    alone.fail();
    expect(await race(alone.begin, now, () => null)).toEqual({
      winner: null,
      reply: null,
      errors: { first: new Error('alone') },
    });
  });
});
