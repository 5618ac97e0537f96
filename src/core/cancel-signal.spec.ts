import { abortSignalOf, CancelSignal } from './cancel-signal';

describe('CancelSignal', () => {
  it('tells each listener once, in order, and none that was taken away or came too late', () => {
    const signal = new CancelSignal();
    const told: string[] = [];
    const second = (): void => void told.push('second');
    signal.addEventListener('abort', () => void told.push('first'));
    signal.addEventListener('abort', second);
    signal.addEventListener('abort', () => void told.push('third'));
    signal.removeEventListener('abort', second);
    signal.removeEventListener('abort', second);
    signal.abort();
    signal.abort();
    signal.addEventListener('abort', () => void told.push('late'));
    expect(told).toEqual(['first', 'third']);
    expect(signal.aborted).toBe(true);
  });

  it('lets a listener take another one away', () => {
    const signal = new CancelSignal();
    const told: string[] = [];
    const other = (): void => void told.push('other');
    signal.addEventListener('abort', () => signal.removeEventListener('abort', other));
    signal.addEventListener('abort', other);
    expect(() => signal.abort()).not.toThrow();
  });

  it.each([
    ['before', true],
    ['after', false],
  ])('is a real signal for those who need one, asked for %s the end', (_, isEarly) => {
    const signal = new CancelSignal();
    const early = isEarly ? abortSignalOf(signal) : null;
    expect(early?.aborted ?? false).toBe(false);
    signal.abort();
    const real = abortSignalOf(signal);
    expect(real).toBeInstanceOf(AbortSignal);
    expect(real.aborted).toBe(true);
    if (early) expect(real).toBe(early);
  });

  it('leaves real signals as they are, and refuses what is none', () => {
    const { signal } = new AbortController();
    expect(abortSignalOf(signal)).toBe(signal);
    const fake = { aborted: false, addEventListener: () => {}, removeEventListener: () => {} };
    expect(() => abortSignalOf(fake)).toThrow(TypeError);
  });
});
