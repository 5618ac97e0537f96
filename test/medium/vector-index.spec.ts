import { Redis } from 'ioredis';
import { MemoryVectorIndex } from '../../src/semantic-cache/store/memory.vector-index';
import { RedisVectorIndex } from '../../src/semantic-cache/store/redis.vector-index';
import { toBytes, type VectorRecord } from '../../src/semantic-cache/store/vector-index';
import { vectorIndexContract, VECTOR_ROOM } from '../../src/semantic-cache/store/vector-index.contract';
import { DoomedRedis } from '../support/doomed-redis';
import { until } from '../support/until';

let name = 0;

describe('RedisVectorIndex', () => {
  let client: Redis;
  beforeAll(async () => {
    client = new Redis(process.env['TEST_REDIS_URL'] ?? '');
    await client.ping();
  });
  afterAll(() => client.disconnect());

  const nextName = (): string => `vectors-${process.pid}-${(name += 1)}`;

  const record = (id: string): VectorRecord => ({
    id,
    partition: 'p',
    vector: toBytes(Float32Array.from({ length: 16 }, (_, place) => Number(id) + place)),
    text: id,
    floor: 0,
    expiresAtMs: Date.now() + 600_000,
  });

  vectorIndexContract(async () => {
    let now = Date.now();
    const nowMs = (): number => now;
    const options = { client, nowMs, name: nextName(), limits: VECTOR_ROOM };
    const [index, other] = [new RedisVectorIndex(options), new RedisVectorIndex(options)];
    // Both have read the feed to its end before the suite begins.
    for (const [from, to] of [
      [index, other],
      [other, index],
    ] as const) {
      await from.upsert({ ...record('1'), partition: 'probe' });
      await until(() => to.mayHave('probe'));
      await from.clear();
      await until(() => !to.mayHave('probe'));
    }
    return { index, others: [other], nowMs, advance: (milliseconds: number) => void (now += milliseconds) };
  });

  it('a replica that starts knows what was put in before, and what was taken out', async () => {
    const options = { client, nowMs: Date.now, name: nextName() };
    const first = new RedisVectorIndex(options);
    for (let id = 1; id <= 1_200; id += 1) await first.upsert(record(String(id)));
    await first.remove('7');
    const second = new RedisVectorIndex(options);
    await until(async () => (await second.size()).vectors === 1_199);
    await Promise.all([first.close(), second.close()]);
  });

  it('a replica that was cut off reads again what it has missed, also when the feed is another one', async () => {
    // A Redis of its own: every connection of it is closed, and a command in flight on another's would be sent twice.
    const redis = await DoomedRedis.start();
    const own = new Redis(redis.url);
    const options = { client: own, nowMs: Date.now, name: nextName() };
    const [writer, reader] = [new RedisVectorIndex(options), new RedisVectorIndex(options)];
    try {
      await writer.upsert(record('1'));
      await until(async () => (await reader.size()).vectors === 1);
      // Redis closes every blocked reader; what comes meanwhile is missed, and the feed begins anew.
      await own.del(`{${options.name}:cache}:vectors`);
      await own.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await writer.upsert(record('2'));
      await until(async () => (await reader.search('p', record('2').vector, 5)).some(({ id }) => id === '2'));
      expect((await reader.size()).vectors).toBe(1);
    } finally {
      await Promise.all([writer.close(), reader.close()]);
      own.disconnect();
      await redis.kill();
    }
  });

  it('without Redis it goes on with what it has', async () => {
    const lost = new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    lost.on('error', () => {});
    const index = new RedisVectorIndex({ client: lost, nowMs: Date.now });
    await expect(index.upsert(record('1'))).rejects.toThrow(/Stream isn't writeable|Connection is closed/);
    expect((await index.search('p', record('1').vector, 1))[0]?.id).toBe('1');
    await index.close();
    lost.disconnect();
  });

  it('holds what the index of one process would hold', async () => {
    const options = { client, nowMs: Date.now, name: nextName(), limits: VECTOR_ROOM };
    const [shared, alone] = [new RedisVectorIndex(options), new MemoryVectorIndex(Date.now, VECTOR_ROOM)];
    for (let id = 1; id <= 50; id += 1) {
      await shared.upsert(record(String(id)));
      await alone.upsert(record(String(id)));
    }
    const { vector } = record('3');
    expect(await shared.search('p', vector, 10)).toEqual(await alone.search('p', vector, 10));
    await shared.close();
  });
});
