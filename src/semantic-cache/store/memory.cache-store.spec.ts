import { entryWith, hex } from '../testing/entries';
import { cacheStoreContract, ROOM } from './cache-store.contract';
import { MemoryCacheStore } from './memory.cache-store';

describe('MemoryCacheStore', () => {
  cacheStoreContract(() => {
    let now = 1_800_000_000_000;
    const store = new MemoryCacheStore(() => now, ROOM);
    return Promise.resolve({ store, nowMs: () => now, advance: (milliseconds) => void (now += milliseconds) });
  });

  it('the entry that was used least recently goes first', async () => {
    const store = new MemoryCacheStore(() => 0, { entries: 2, bytes: 100_000 });
    await store.put(entryWith({ id: hex(1), expiresAtMs: 10 }), null);
    await store.put(entryWith({ id: hex(2), expiresAtMs: 10 }), null);
    await store.find(hex(1), null);
    await store.put(entryWith({ id: hex(3), expiresAtMs: 10 }), null);
    expect((await store.find(hex(1), null)).entry).not.toBeNull();
    expect((await store.find(hex(2), null)).entry).toBeNull();
  });
});
