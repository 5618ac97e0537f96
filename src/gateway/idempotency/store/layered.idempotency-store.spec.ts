import { idempotencyStoreContract } from './idempotency-store.contract';
import type { IdempotencyStore } from './idempotency.store';
import { LayeredIdempotencyStore } from './layered.idempotency-store';
import { MemoryIdempotencyStore } from './memory.idempotency-store';

const CLAIM = { owner: 'one', fingerprint: 'body', leaseMs: 60_000, ttlMs: 60_000 };
const memory = (): MemoryIdempotencyStore => new MemoryIdempotencyStore(Date.now);

/** A store of which some calls fail: before they do anything, or after they have done it. */
function flaky(store: IdempotencyStore, failures: ('before' | 'after')[]): IdempotencyStore {
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    const failure = failures.shift();
    if (failure === 'before') throw new Error('away');
    const result = await run();
    if (failure === 'after') throw new Error('timed out');
    return result;
  };
  return {
    claim: (...values) => call(() => store.claim(...values)),
    claimAlone: (...values) => call(() => store.claimAlone(...values)),
    renew: (...values) => call(() => store.renew(...values)),
    finish: (...values) => call(() => store.finish(...values)),
    release: (...values) => call(() => store.release(...values)),
  };
}

describe('LayeredIdempotencyStore', () => {
  const layered = (shared: IdempotencyStore, warnings: unknown[] = []): LayeredIdempotencyStore =>
    new LayeredIdempotencyStore(memory(), shared, (error) => warnings.push(error), Date.now);

  idempotencyStoreContract(() => Promise.resolve(layered(memory())));

  it('tells the other replicas', async () => {
    const shared = memory();
    const [here, there] = [layered(shared), layered(shared)];
    expect(await here.claim('key', CLAIM)).toBeNull();
    expect(await there.claim('key', { ...CLAIM, owner: 'two' })).toMatchObject({ owner: 'one', state: 'running' });
    await here.finish('key', 'one', Buffer.from('answer'), 60_000);
    expect((await there.claim('key', { ...CLAIM, owner: 'two' }))?.answer?.toString()).toBe('answer');
  });

  it('asks again after a hiccup, and knows its own claim when only the answer was lost', async () => {
    const store = layered(flaky(memory(), ['before', 'after', 'after']));
    expect(await store.claim('key', CLAIM)).toBeNull();
    expect(await store.finish('key', 'one', Buffer.from('answer'), 60_000)).toBe(true);
  });

  it('rejects a claim when the shared store stays away, warns once, and can go on alone', async () => {
    const warnings: unknown[] = [];
    const store = layered(
      flaky(
        memory(),
        Array.from({ length: 100 }, () => 'before' as const),
      ),
      warnings,
    );
    await expect(store.claim('key', CLAIM)).rejects.toThrow('away');
    await expect(store.claim('other', CLAIM)).rejects.toThrow('away');
    expect(warnings).toHaveLength(1);
    expect(await store.claimAlone('key', CLAIM)).toBeNull();
    expect(await store.claim('key', { ...CLAIM, owner: 'two' })).toMatchObject({ owner: 'one', isAlive: true });
    expect(await store.finish('key', 'one', Buffer.from('answer'), 60_000)).toBe(true);
    expect((await store.claim('key', CLAIM))?.answer?.toString()).toBe('answer');
  });
});
