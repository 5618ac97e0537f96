import { answeredWithin } from './answered-within';

describe('answeredWithin', () => {
  it('gives what comes in time, errors too', async () => {
    expect(await answeredWithin(1_000, Promise.resolve(7))).toBe(7);
    await expect(answeredWithin(1_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('rejects when it takes longer, and lets what comes later pass', async () => {
    let fail: (error: Error) => void = () => {};
    const slow = new Promise<never>((_, reject) => (fail = reject));
    await expect(answeredWithin(5, slow)).rejects.toThrow('no answer within 5 ms');
    fail(new Error('nobody hears this'));
    await new Promise(setImmediate);
  });
});
