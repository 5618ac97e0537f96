import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '../core/context';
import { InvalidApiKeyError, OverloadedError } from '../core/errors';
import { Clock } from '../platform/clock';
import type { DatabaseNotifications } from '../platform/database';
import { AccessService } from './access.service';
import { generateApiKey, hmacOfKey } from './api-key';
import type { KeyRepository, StoredKey } from './key-repository';

const pepper = Buffer.alloc(32, 7);

class FakeClock extends Clock {
  wallMs = 1_000_000;
  steadyMs = 0;

  override now(): number {
    return this.wallMs;
  }

  override monotonic(): number {
    return this.steadyMs;
  }

  advance(milliseconds: number): void {
    this.wallMs += milliseconds;
    this.steadyMs += milliseconds;
  }
}

/** A table of keys that can be taken away. */
class FakeKeys {
  readonly rows = new Map<string, StoredKey>();
  readonly touched: [string, number][] = [];
  asked = 0;
  state: 'up' | 'down' | 'hung' = 'up';
  hold: Promise<void> = Promise.resolve();

  async find(publicId: string): Promise<StoredKey | null> {
    this.asked += 1;
    const row = this.rows.get(publicId) ?? null;
    await this.hold;
    if (this.state === 'down') throw new Error('connect ECONNREFUSED');
    if (this.state === 'hung') await new Promise(() => {});
    return row;
  }

  async touch(used: ReadonlyMap<string, number>): Promise<void> {
    this.touched.push(...used);
  }
}

class FakeNotifications {
  isConnected = true;
  heardAtMs = 0;
  private change: () => void = () => {};
  private reconnect: (lastHeardAtMs: number) => void = () => {};

  subscribe(_channel: string, listener: () => void): void {
    this.change = listener;
  }

  onReconnect(listener: (lastHeardAtMs: number) => void): void {
    this.reconnect = listener;
  }

  announce(): void {
    this.change();
  }

  connectAgain(nowMs: number): void {
    const before = this.heardAtMs;
    this.heardAtMs = nowMs;
    this.isConnected = true;
    this.reconnect(before);
  }
}

function setUp() {
  const clock = new FakeClock();
  const keys = new FakeKeys();
  const notifications = new FakeNotifications();
  const service = new AccessService(
    keys as unknown as KeyRepository,
    notifications as unknown as DatabaseNotifications,
    { apiKeyPepper: pepper, sealingKey: pepper, transcriptKey: pepper },
    clock,
  );
  service.onModuleInit();
  services.push(service);
  const addKey = (expiresAtMs = Infinity): { key: string; publicId: string } => {
    const made = generateApiKey();
    const identity = { keyId: `key_${made.publicId}`, scopes: ['inference'] } as unknown as Identity;
    keys.rows.set(made.publicId, { identity, hmac: hmacOfKey(pepper, made.key), expiresAtMs });
    return made;
  };
  return { clock, keys, notifications, service, addKey };
}

const services: AccessService[] = [];

afterEach(async () => {
  for (const service of services.splice(0)) await service.onApplicationShutdown();
});

/** Authenticates whether or not it throws at once. */
const ask = async (service: AccessService, key: string | undefined): Promise<Identity> => service.authenticate(key);

describe('AccessService', () => {
  it('asks the database once, then answers at once', async () => {
    const { service, keys, addKey } = setUp();
    const { key, publicId } = addKey();
    const first = service.authenticate(key);
    expect(first).toBeInstanceOf(Promise);
    expect((await first).keyId).toBe(`key_${publicId}`);
    expect(service.authenticate(key)).toBe(await first);
    expect(keys.asked).toBe(1);
  });

  it('asks once for many requests at the same time', async () => {
    const { service, keys, addKey } = setUp();
    const { key } = addKey();
    await Promise.all(Array.from({ length: 50 }, () => ask(service, key)));
    expect(keys.asked).toBe(1);
  });

  it.each([
    undefined,
    '',
    'gw_',
    'sk-123',
    'x'.repeat(50),
    `gw_ABCDEFGH_${'a'.repeat(38)}`,
    "' or 1=1 --".padEnd(50, ' '),
  ])('refuses %j without asking the database', async (key) => {
    const { service, keys } = setUp();
    await expect(ask(service, key)).rejects.toThrow(InvalidApiKeyError);
    expect(keys.asked).toBe(0);
  });

  it('refuses a well-formed key nobody has, and remembers it', async () => {
    const { service, keys } = setUp();
    const { key } = generateApiKey();
    await expect(ask(service, key)).rejects.toThrow(InvalidApiKeyError);
    await expect(ask(service, key)).rejects.toThrow(InvalidApiKeyError);
    expect(keys.asked).toBe(1);
  });

  it('refuses a key whose public id is right and whose secret is not', async () => {
    const { service, keys, addKey } = setUp();
    const { publicId } = addKey();
    const other = generateApiKey();
    const stolen = keys.rows.get(publicId);
    if (stolen) keys.rows.set(other.publicId, stolen);
    await expect(ask(service, other.key)).rejects.toThrow(InvalidApiKeyError);
  });

  it('checks the expiry on every call', async () => {
    const { service, clock, addKey } = setUp();
    const { key } = addKey(clock.now() + 5_000);
    await ask(service, key);
    clock.advance(4_999);
    expect(service.authenticate(key)).toHaveProperty('keyId');
    clock.advance(1);
    await expect(ask(service, key)).rejects.toThrow(InvalidApiKeyError);
  });

  it('asks again after a change was announced', async () => {
    const { service, keys, notifications, addKey } = setUp();
    const { key, publicId } = addKey();
    await ask(service, key);
    keys.rows.delete(publicId);
    notifications.announce();
    await expect(ask(service, key)).rejects.toThrow(InvalidApiKeyError);
  });

  it('does not keep an answer that was asked for before a change', async () => {
    const { service, keys, notifications, addKey } = setUp();
    const { key, publicId } = addKey();
    let release = (): void => {};
    keys.hold = new Promise((resolve) => (release = resolve));
    const early = ask(service, key);
    keys.rows.delete(publicId);
    notifications.announce();
    const late = ask(service, key);
    release();
    await early;
    await expect(late).rejects.toThrow(InvalidApiKeyError);
    await expect(ask(service, key)).rejects.toThrow(InvalidApiKeyError);
  });

  it('trusts its memory for one second while it cannot hear announcements', async () => {
    const { service, keys, notifications, clock, addKey } = setUp();
    const { key, publicId } = addKey();
    await ask(service, key);
    notifications.heardAtMs = clock.monotonic();
    notifications.isConnected = false;
    keys.rows.delete(publicId);
    clock.advance(1_000);
    expect(service.authenticate(key)).toHaveProperty('keyId');
    clock.advance(1);
    await expect(ask(service, key)).rejects.toThrow(InvalidApiKeyError);
  });

  it('asks everything again once it hears announcements again', async () => {
    const { service, keys, notifications, clock, addKey } = setUp();
    const { key } = addKey();
    await ask(service, key);
    notifications.isConnected = false;
    notifications.connectAgain(clock.monotonic());
    await ask(service, key);
    expect(keys.asked).toBe(2);
  });

  it.each(['down', 'hung'] as const)('goes on for ten minutes while the database is %s', async (state) => {
    const { service, keys, notifications, clock, addKey } = setUp();
    const { key } = addKey();
    await ask(service, key);
    clock.advance(3_600_000);
    notifications.heardAtMs = clock.monotonic();
    notifications.isConnected = false;
    keys.state = state;
    clock.advance(599_000);
    expect((await ask(service, key)).keyId).toBeDefined();
    // The database was found to be away just now: no second request waits for it.
    expect(service.authenticate(key)).toHaveProperty('keyId');
    clock.advance(1_001);
    await expect(ask(service, key)).rejects.toThrow(OverloadedError);
  });

  it('waits longer for a key that it has never seen than for one that memory can answer for', async () => {
    const { service, keys, notifications, clock, addKey } = setUp();
    const known = addKey();
    const fresh = addKey();
    await ask(service, known.key);
    notifications.heardAtMs = clock.monotonic();
    notifications.isConnected = false;
    clock.advance(2_000);
    keys.hold = sleep(1_500);
    const answers: string[] = [];
    const note = async (key: string): Promise<void> => void answers.push((await ask(service, key)).keyId);
    await Promise.all([note(fresh.key), note(known.key)]);
    expect(answers).toEqual([`key_${known.publicId}`, `key_${fresh.publicId}`]);
  });

  it('serves from before a reconnection when the database goes away again at once', async () => {
    const { service, keys, notifications, clock, addKey } = setUp();
    const { key } = addKey();
    await ask(service, key);
    notifications.isConnected = false;
    clock.advance(60_000);
    notifications.connectAgain(clock.monotonic());
    notifications.isConnected = false;
    keys.state = 'down';
    clock.advance(5_000);
    expect((await ask(service, key)).keyId).toBeDefined();
  });

  it('never serves from memory what an announcement has voided', async () => {
    const { service, keys, notifications, addKey } = setUp();
    const { key } = addKey();
    await ask(service, key);
    notifications.announce();
    keys.state = 'down';
    await expect(ask(service, key)).rejects.toThrow(OverloadedError);
  });

  it('does not say that a key is wrong when it cannot know', async () => {
    const { service, keys } = setUp();
    keys.state = 'down';
    const { key } = generateApiKey();
    const failure = await ask(service, key).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(OverloadedError);
    expect(failure).toMatchObject({ status: 503, retryAfterMs: 1_000 });
    expect(String(failure)).not.toContain('ECONNREFUSED');
  });

  it('records the last use of each key in one write, not per request', async () => {
    const { service, keys, clock, addKey } = setUp();
    const { key, publicId } = addKey();
    await ask(service, key);
    clock.advance(10);
    for (let round = 0; round < 100; round += 1) await ask(service, key);
    expect(keys.touched).toEqual([]);
    await service.onApplicationShutdown();
    expect(keys.touched).toEqual([[`key_${publicId}`, clock.now()]]);
    await sleep(0);
  });
});
