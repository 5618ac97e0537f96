import { MemoryRateLimitStore } from './memory.rate-limit-store';
import { rateLimitStoreContract } from './rate-limit-store.contract';

describe('MemoryRateLimitStore', () => {
  rateLimitStoreContract(() => {
    let now = 0;
    return Promise.resolve({
      store: new MemoryRateLimitStore(() => now),
      advance: (milliseconds) => {
        now += milliseconds;
      },
      settled: () => Promise.resolve(),
      close: () => Promise.resolve(),
    });
  });

  it('holds no more windows than it may, and gives up those opened first', async () => {
    const store = new MemoryRateLimitStore(() => 0, 10);
    const ask = (key: string) => store.admit({ counters: [{ key, windowMs: 1000, limit: 1, cost: 1 }], slots: [] });
    for (let index = 0; index < 25; index += 1) await ask(`key ${index}`);
    expect((await ask('key 24')).kind).toBe('denied');
    expect((await ask('key 0')).kind).toBe('admitted');
  });
});
