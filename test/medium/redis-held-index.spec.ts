import { Redis } from 'ioredis';
import { MemoryVectorIndex } from '../../src/semantic-cache/store/memory.vector-index';
import type { RedisHeldIndex, RedisHeldOptions } from '../../src/semantic-cache/store/redis-held.vector-index';
import { RediSearchIndex } from '../../src/semantic-cache/store/redisearch.vector-index';
import { RedisVectorSetsIndex } from '../../src/semantic-cache/store/redis-vector-sets.vector-index';
import { toBytes, type VectorRecord } from '../../src/semantic-cache/store/vector-index';
import { vectorIndexContract, VECTOR_ROOM } from '../../src/semantic-cache/store/vector-index.contract';
import { startSimulator } from '../../src/providers/simulator/server/simulator';
import { startGateway, type TestGateway } from '../support/gateway';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';
import { findRediSearch, findVectorRedis, VectorRedis } from '../support/vector-redis';

interface EngineUnderTest {
  readonly name: string;
  /** In the configuration. */
  readonly index: string;
  readonly make: new (options: RedisHeldOptions) => RedisHeldIndex;
  /** What Redis has to load; null when it cannot be had here. */
  readonly module: string | null | undefined;
}

const program = findVectorRedis();
const ENGINES: EngineUnderTest[] = [
  { name: 'RedisVectorSetsIndex', index: 'redis-vectors', make: RedisVectorSetsIndex, module: undefined },
  { name: 'RediSearchIndex', index: 'redisearch', make: RediSearchIndex, module: program && findRediSearch() },
];
if (program === null) console.warn('no Redis 8 on this machine and none to be had with pip: its indexes are skipped');
else if (ENGINES.some(({ module }) => module === null)) console.warn('no RediSearch to be had with pip: it is skipped');

const ONE = toBytes(Float32Array.from({ length: 16 }, (_, place) => place + 1));

let name = 0;

for (const engine of ENGINES) {
  const isHere = program !== null && engine.module !== null;
  (isHere ? describe : describe.skip)(engine.name, () => suite(engine));
}

function suite({ index: indexName, make: IndexOfEngine, module }: EngineUnderTest): void {
  let redis: VectorRedis;
  let client: Redis;
  let now = Date.now();
  const clock = { now: () => now, monotonic: () => now };
  const open: RedisHeldIndex[] = [];
  const indexWith = (options: object = {}): RedisHeldIndex => {
    const index = new IndexOfEngine({ client, clock, name: `held-${name}`, ...options });
    open.push(index);
    return index;
  };
  beforeAll(async () => {
    redis = await VectorRedis.start(program ?? '', module ?? undefined);
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });
  beforeEach(() => {
    [now, name] = [Date.now(), name + 1];
  });
  afterEach(() => Promise.all(open.splice(0).map((index) => index.close())));

  vectorIndexContract(
    () =>
      Promise.resolve({
        index: indexWith({ limits: VECTOR_ROOM }),
        others: [indexWith({ limits: VECTOR_ROOM })],
        nowMs: () => now,
        advance: (milliseconds) => void (now += milliseconds),
      }),
    { isInProcess: false },
  );

  const record = (id: string, change: Partial<VectorRecord> = {}): VectorRecord => ({
    id,
    partition: 'p',
    vector: toBytes(Float32Array.from({ length: 512 }, (_, place) => Math.sin(Number(id) * 7919 + place * place))),
    text: `text „${id}“`,
    floor: 0,
    expiresAtMs: now + 600_000,
    ...change,
  });

  it('finds what the index of one process finds, of 2,000 vectors as the encoder makes them', async () => {
    const [sets, alone] = [indexWith(), new MemoryVectorIndex(() => now)];
    for (let id = 0; id < 2_000; id += 1) {
      await Promise.all([sets.upsert(record(String(id))), alone.upsert(record(String(id)))]);
    }
    for (let id = 5_000; id < 5_040; id += 1) {
      const { vector } = record(String(id));
      expect(await sets.search('p', vector, 8)).toEqual(await alone.search('p', vector, 8));
    }
  });

  it('what ends first goes first when there is no room', async () => {
    const index = indexWith({ limits: { vectors: 60, partition: 40 } });
    for (let id = 0; id < 30; id += 1) await index.upsert(record(String(id), { partition: 'old' }));
    const later = now + 700_000;
    for (let id = 30; id < 75; id += 1) await index.upsert(record(String(id), { expiresAtMs: later + id }));
    expect(await index.size()).toMatchObject({ vectors: 60, partitions: 2 });
    const left = await index.search('p', record('1').vector, 100);
    expect(left.map(({ id }) => Number(id)).sort((one, other) => one - other)).toEqual(
      Array.from({ length: 40 }, (_, place) => 35 + place),
    );
    expect(await index.search('old', record('1').vector, 100)).toHaveLength(20);
  });

  it('leaves nothing behind: not when it is cleared, not when all of it has gone, not when its time is over', async () => {
    const index = indexWith();
    const keys = (): Promise<string[]> => client.keys(`{held-${name}:cache}:*`);
    await index.upsert(record('1'));
    await index.upsert(record('2', { partition: 'q', expiresAtMs: now + 900_000 }));
    expect((await index.size()).bytes).toBeGreaterThan(1_000);
    for (const key of await keys()) {
      const left = await client.pttl(key);
      expect(left).toBeGreaterThan(590_000);
      expect(left).toBeLessThanOrEqual(900_000);
    }
    await index.remove('1');
    expect((await keys()).filter((key) => /:512:(p|t70|1)$/.test(key))).toEqual([]);
    await index.clear();
    expect(await keys()).toEqual([]);
    await index.upsert(record('3'));
    await index.remove('3');
    expect(await keys()).toEqual([]);
  });

  it('a Redis without the engine is complained of once, and then left alone for a second', async () => {
    const old = new Redis(process.env['TEST_REDIS_URL'] ?? '');
    const index = indexWith({ client: old });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(index.search('p', record('1').vector, 1)).rejects.toThrow(/unknown (redis )?command/i);
    }
    await expect(index.upsert(record('1'))).rejects.toThrow('left alone');
    now += 1_000;
    await expect(index.upsert(record('1'))).rejects.toThrow(/unknown (redis )?command/i);
    old.disconnect();
  });

  it("two replicas find each other's answers in other words, with everything else in the same Redis", async () => {
    const simulator = await startSimulator({ speed: 0 });
    const yaml = `
providers:
  openai: { api_key: k, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [gpt-4o-mini] }
cache: { enabled: true, index: ${indexName}, mode: balanced, similarity_threshold: 0.85, embeddings: { timeout: 10s } }
`;
    const variables = { REDIS_URL: redis.url, DATABASE_URL: await createTestDatabase() };
    const replicas = [await startGateway(yaml, variables), await startGateway(yaml, variables)] as const;
    const ask = async (replica: TestGateway, content: string, headers = {}): Promise<string | null> => {
      const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content }] };
      const bearer = { authorization: `Bearer ${replicas[0].apiKey}` };
      const { headers: said } = await replica.post('/v1/chat/completions', body, { ...bearer, ...headers });
      return said.get('x-gateway-cache');
    };
    const vectors = async (): Promise<number> =>
      ((await replicas[1].admin('GET', '/cache')).body as { vectors: number }).vectors;
    try {
      // The encoders have their models.
      await until(async () => (await ask(replicas[0], `warm ${now}`)) === 'hit', 60_000);
      await ask(replicas[0], 'What are the advantages of microservices?');
      await until(async () => (await vectors()) >= 1);
      const paraphrase = 'What are the benefits of using microservices?';
      const onlyCached = { 'cache-control': 'only-if-cached' };
      await until(async () => (await ask(replicas[1], paraphrase, onlyCached)) === 'semantic-hit');
      // Not to be answered, and so not stored while the cache is emptied.
      expect(await ask(replicas[1], 'What are the disadvantages of microservices?', onlyCached)).toBe('miss');
      await replicas[1].admin('POST', '/cache/flush');
      expect(await vectors()).toBe(0);
    } finally {
      await Promise.all(replicas.map((replica) => replica.close()));
      await simulator.close();
    }
  });

  it('kept apart are partitions that differ in a character that means something to a query, and ids too', async () => {
    const index = indexWith();
    const odd = ['p', 'p|q', 'p q', 'p*', '{p}', 'P', 'p\\', '@p:{q}', 'ü', ''];
    for (const [place, partition] of odd.entries())
      await index.upsert(record(`a:${place}`, { partition, vector: ONE }));
    for (const [place, partition] of odd.entries())
      expect((await index.search(partition, ONE, 20)).map(({ id }) => id)).toEqual([`a:${place}`]);
  });

  it('goes on after a list was turned out by a Redis that is short of memory', async () => {
    const index = indexWith({ limits: { vectors: 60, partition: 40 } });
    const prefix = indexName === 'redisearch' ? 'search' : 'vectors';
    for (let id = 0; id < 30; id += 1) await index.upsert(record(String(id)));
    await client.del(`{held-${name}:cache}:${prefix}:at`);
    await index.size();
    for (let id = 100; id < 180; id += 1) await index.upsert(record(String(id)));
    expect((await index.size()).vectors).toBeLessThanOrEqual(60);
    expect((await index.search('p', record('179').vector, 1))[0]?.id).toBe('179');
    await index.clear();
    expect((await index.size()).vectors).toBe(0);
  });

  it('goes on after all of Redis was emptied', async () => {
    const [index, other] = [indexWith(), indexWith()];
    await index.upsert(record('1'));
    await client.flushall();
    expect(await other.search('p', record('1').vector, 1)).toEqual([]);
    expect(await index.size()).toEqual({ vectors: 0, partitions: 0, bytes: 0 });
    await index.upsert(record('2'));
    await until(async () => (await other.search('p', record('2').vector, 1))[0]?.id === '2');
    await other.clear();
    expect(await index.search('p', record('2').vector, 1)).toEqual([]);
  });
}

(program === null || ENGINES.some(({ module }) => module === null) ? it.skip : it)(
  'two engines on one Redis have nothing of each other',
  async () => {
    const redis = await VectorRedis.start(program ?? '', findRediSearch() ?? undefined);
    const client = new Redis(redis.url);
    const clock = { now: () => Date.now(), monotonic: () => performance.now() };
    const [one, other] = ENGINES.map(({ make: IndexOfEngine }) => new IndexOfEngine({ client, clock })) as [
      RedisHeldIndex,
      RedisHeldIndex,
    ];
    const record = { id: 'a', partition: 'p', vector: ONE, text: 't', floor: 0, expiresAtMs: Date.now() + 60_000 };
    await Promise.all([one.upsert(record), other.upsert(record)]);
    await one.remove('a');
    expect(await other.search('p', ONE, 2)).toHaveLength(1);
    await one.upsert(record);
    await other.clear();
    expect(await one.search('p', ONE, 2)).toHaveLength(1);
    expect(await other.search('p', ONE, 2)).toEqual([]);
    await Promise.all([one.close(), other.close()]);
    client.disconnect();
    await redis.stop();
  },
);
