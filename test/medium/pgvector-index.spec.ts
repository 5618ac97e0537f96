import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { PgVectorIndex, type Query } from '../../src/semantic-cache/store/pgvector.vector-index';
import { toBytes, type VectorRecord } from '../../src/semantic-cache/store/vector-index';
import { vectorIndexContract, VECTOR_ROOM } from '../../src/semantic-cache/store/vector-index.contract';

interface Answer {
  readonly id: number;
  readonly rows?: unknown;
  readonly error?: string;
}

/** A PostgreSQL with pgvector in a process of its own. */
class VectorDatabase {
  private readonly child: ChildProcess;
  private readonly open = new Map<number, (answer: Answer) => void>();
  private lastId = 0;
  readonly started: Promise<void>;

  constructor() {
    this.child = fork(path.resolve(__dirname, '../support/pgvector.mjs'), { execArgv: [] });
    this.started = new Promise((resolve) => this.open.set(0, () => resolve()));
    this.child.on('message', (answer: Answer) => {
      this.open.get(answer.id)?.(answer);
      this.open.delete(answer.id);
    });
  }

  readonly query: Query = (statement, values = []) =>
    new Promise((resolve, reject) => {
      const id = (this.lastId += 1);
      this.open.set(id, ({ rows, error }) => (error === undefined ? resolve(rows) : reject(new Error(error))));
      this.child.send({ id, statement, values });
    });

  close(): void {
    this.child.disconnect();
  }
}

const isThere = existsSync(path.resolve(__dirname, '../../node_modules/@electric-sql/pglite-pgvector'));
if (!isThere) console.warn('PGlite is not installed: pgvector is skipped; run npm ci');

(isThere ? describe : describe.skip)('PgVectorIndex', () => {
  let database: VectorDatabase;
  let now = Date.now();
  const clock = { now: () => now, monotonic: () => now };
  beforeAll(async () => {
    database = new VectorDatabase();
    await database.started;
  }, 60_000);
  afterAll(() => database.close());
  const { query } = { query: ((...all: Parameters<Query>) => database.query(...all)) as Query };

  vectorIndexContract(
    async () => {
      const options = { query, clock, limits: VECTOR_ROOM };
      const [index, other] = [new PgVectorIndex(options), new PgVectorIndex(options)];
      await index.clear();
      return { index, others: [other], nowMs: () => now, advance: (milliseconds) => void (now += milliseconds) };
    },
    { isInProcess: false },
  );

  const record = (id: string, partition = 'p'): VectorRecord => ({
    id,
    partition,
    vector: toBytes(Float32Array.from({ length: 16 }, (_, place) => Number(id) + place)),
    text: id,
    floor: 0,
    expiresAtMs: now + 600_000,
  });

  it('what was put in first goes first when there is no room', async () => {
    const index = new PgVectorIndex({ query, clock, limits: { vectors: 60, partition: 40 } });
    await index.clear();
    for (let id = 0; id < 30; id += 1) await index.upsert(record(String(id), 'old'));
    for (let id = 30; id < 70; id += 1) await index.upsert(record(String(id), 'new'));
    expect((await index.size()).vectors).toBe(60);
    const left = await index.search('old', record('1').vector, 100);
    expect(left.map(({ id }) => Number(id)).sort((one, other) => one - other)[0]).toBe(10);
  });

  it('without the extension says what is missing, keeps nobody waiting, and goes on once it is there', async () => {
    let isMissing = true;
    const lacking: Query = (...all) =>
      isMissing ? Promise.reject(new Error('extension "vector" is not available')) : query(...all);
    const index = new PgVectorIndex({ query: lacking, clock });
    for (let round = 0; round < 3; round += 1)
      await expect(index.search('p', record('1').vector, 1)).rejects.toThrow('is not available');
    await expect(index.search('p', record('1').vector, 1)).rejects.toThrow('left alone');
    isMissing = false;
    now += 1_000;
    await index.clear();
    await index.upsert(record('1'));
    expect((await index.search('p', record('1').vector, 1))[0]?.id).toBe('1');
  });

  it('a search that takes too long is given up', async () => {
    const slow: Query = (statement) => (statement.includes('create') ? Promise.resolve([]) : new Promise(() => {}));
    await expect(new PgVectorIndex({ query: slow, clock }).search('p', record('1').vector, 1)).rejects.toThrow(
      'no answer within 250 ms',
    );
  });
});
