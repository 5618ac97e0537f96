import { setTimeout as sleep } from 'node:timers/promises';
import { IdempotencyStore, type Claim, type Known } from './idempotency.store';

const claimOf = (change: Partial<Claim> = {}): Claim => ({
  owner: 'one',
  fingerprint: 'body',
  leaseMs: 60_000,
  ttlMs: 60_000,
  ...change,
});

/** Asks until the answer is as wanted: the stores run by clocks of their own. */
async function eventually<T>(ask: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const value = await ask();
    if (isWanted(value)) return value;
    await sleep(10);
  }
  throw new Error('it never came to that');
}

/** What every store promises, whatever it is made of. */
export function idempotencyStoreContract(open: () => Promise<IdempotencyStore>): void {
  let store: IdempotencyStore;
  let id: string;
  let number = 0;
  beforeEach(async () => {
    store = await open();
    id = `key-${(number += 1)}`;
  });

  it('gives a key to one of many who ask at once, and tells the others of the first', async () => {
    const owners = Array.from({ length: 50 }, (_, index) => `owner-${index}`);
    const results = await Promise.all(owners.map((owner) => store.claim(id, claimOf({ owner }))));
    expect(results.filter((known) => known === null)).toHaveLength(1);
    const first = owners[results.indexOf(null)];
    for (const known of results.filter((result) => result !== null)) {
      expect(known).toEqual({
        owner: first!,
        fingerprint: 'body',
        state: 'running',
        isAlive: true,
        answer: null,
      } satisfies Partial<Known>);
    }
  });

  it('keeps keys apart', async () => {
    expect(await store.claim(id, claimOf())).toBeNull();
    expect(await store.claim(`${id}-other`, claimOf())).toBeNull();
  });

  it('gives back exactly the bytes that were kept', async () => {
    await store.claim(id, claimOf());
    const answer = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(await store.finish(id, 'one', answer, 60_000)).toBe(true);
    const known = await store.claim(id, claimOf({ owner: 'two' }));
    expect(known).toMatchObject({ state: 'done', isAlive: false, owner: 'one' });
    expect(known?.answer?.equals(answer)).toBe(true);
  });

  it('remembers a key that is spent', async () => {
    await store.claim(id, claimOf());
    expect(await store.finish(id, 'one', null, 60_000)).toBe(true);
    expect(await store.claim(id, claimOf({ owner: 'two' }))).toMatchObject({ state: 'spent', answer: null });
  });

  it('lets nobody but the owner renew, finish or release, and only once', async () => {
    await store.claim(id, claimOf());
    expect(await store.renew(id, 'two', 60_000)).toBe(false);
    expect(await store.finish(id, 'two', null, 60_000)).toBe(false);
    expect(await store.release(id, 'two')).toBe(false);
    expect(await store.finish(id, 'one', Buffer.from('first'), 60_000)).toBe(true);
    expect(await store.finish(id, 'one', Buffer.from('second'), 60_000)).toBe(false);
    expect(await store.release(id, 'one')).toBe(false);
    expect((await store.claim(id, claimOf()))?.answer?.toString()).toBe('first');
  });

  it('makes a released key a new one', async () => {
    await store.claim(id, claimOf());
    expect(await store.release(id, 'one')).toBe(true);
    expect(await store.claim(id, claimOf({ owner: 'two', fingerprint: 'other' }))).toBeNull();
  });

  it('takes an owner that does not renew for dead, and does not give its key away', async () => {
    await store.claim(id, claimOf({ leaseMs: 30 }));
    const ask = (): Promise<Known | null> => store.claim(id, claimOf({ owner: 'two' }));
    const known = await eventually(ask, (found) => found === null || !found.isAlive);
    expect(known).toMatchObject({ state: 'running', isAlive: false, owner: 'one' });
    // It was only slow: as long as it renews it lives.
    expect(await store.renew(id, 'one', 60_000)).toBe(true);
    expect(await ask()).toMatchObject({ state: 'running', isAlive: true });
  });

  it('forgets a key at the end of its time, whether it has ended or not', async () => {
    await store.claim(id, claimOf({ ttlMs: 30 }));
    await eventually(
      () => store.claim(id, claimOf({ owner: 'two', ttlMs: 60_000 })),
      (known) => known === null,
    );
    await store.finish(id, 'two', Buffer.from('answer'), 30);
    await eventually(
      () => store.claim(id, claimOf({ owner: 'three' })),
      (known) => known === null,
    );
  });
}
