import { idempotencyStoreContract } from './idempotency-store.contract';
import { MemoryIdempotencyStore } from './memory.idempotency-store';

const CLAIM = { owner: 'one', fingerprint: 'body', leaseMs: 60_000, ttlMs: 60_000 };

describe('MemoryIdempotencyStore', () => {
  idempotencyStoreContract(() => Promise.resolve(new MemoryIdempotencyStore(Date.now)));

  it('forgets what ended first when it is full, and nothing that is running', async () => {
    const store = new MemoryIdempotencyStore(() => 0, { entries: 100, bytes: 50 });
    await store.claim('running', CLAIM);
    for (const id of ['a', 'b', 'c']) {
      await store.claim(id, CLAIM);
      await store.finish(id, 'one', Buffer.alloc(20), 60_000);
    }
    expect(await store.claim('a', CLAIM)).toBeNull();
    expect(await store.claim('b', CLAIM)).toMatchObject({ state: 'done' });
    expect(await store.claim('c', CLAIM)).toMatchObject({ state: 'done' });
    expect(await store.claim('running', CLAIM)).toMatchObject({ state: 'running' });
  });
});
