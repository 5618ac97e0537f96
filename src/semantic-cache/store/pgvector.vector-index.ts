import { answeredWithin } from '../../core/answered-within';
import type { Clock } from '../../platform/clock';
import { RemoteVectorIndex } from './remote.vector-index';
import type { Neighbour, VectorRecord, VectorSize } from './vector-index';
import type { VectorLimits } from './vector-slab';

/** A million vectors of 512 numbers take about 1.5 GB; every question of its partition is compared with. */
const LIMITS: VectorLimits = { vectors: 1_000_000, partition: 100_000 };
/** How long a request waits for neighbours before it goes on as a miss. */
const SEARCH_MS = 250;

/** Half precision holds the bytes of a vector exactly, in a quarter of the room that would be read for floats out of line. */
const SETUP = `
create extension if not exists vector;
create sequence if not exists cache_vectors_put;
create table if not exists cache_vectors (
  id text primary key,
  partition text not null,
  dimension integer not null,
  embedding halfvec not null,
  text text not null,
  floor double precision not null,
  expires_at_ms bigint not null,
  put_no bigint not null default nextval('cache_vectors_put')
);
create index if not exists cache_vectors_partition on cache_vectors (partition, put_no);
create index if not exists cache_vectors_put_no on cache_vectors (put_no);
create index if not exists cache_vectors_expiry on cache_vectors (expires_at_ms);
`;

const PUT = `
insert into cache_vectors (id, partition, dimension, embedding, text, floor, expires_at_ms)
values ($1::text, $2::text, $3::int, $4::text::halfvec, $5::text, $6::float8, $7::bigint)
on conflict (id) do update set partition = excluded.partition, dimension = excluded.dimension,
  embedding = excluded.embedding, text = excluded.text, floor = excluded.floor,
  expires_at_ms = excluded.expires_at_ms, put_no = excluded.put_no`;

const SEARCH = `
select id, text, floor, 1 - (embedding <=> $2::text::halfvec) as similarity from cache_vectors
where partition = $1::text and dimension = $3::int and expires_at_ms > $4::bigint
order by embedding <=> $2::text::halfvec limit $5::int`;

const SWEEPS = {
  expired: 'delete from cache_vectors where expires_at_ms <= $1::bigint',
  partition: `delete from cache_vectors where partition = $1::text and put_no <=
    (select put_no from cache_vectors where partition = $1::text order by put_no desc offset $2::int limit 1)`,
  all: `delete from cache_vectors where put_no <=
    (select put_no from cache_vectors order by put_no desc offset $1::int limit 1)`,
};

const SIZE = `
select count(*)::int as vectors, count(distinct partition)::int as partitions,
  pg_total_relation_size('cache_vectors')::float8 as bytes
from cache_vectors where expires_at_ms > $1::bigint`;

/** Rows of a statement. */
export type Query = (statement: string, values?: readonly unknown[]) => Promise<unknown>;

export interface PgVectorIndexOptions {
  readonly query: Query;
  readonly clock: Clock;
  readonly limits?: VectorLimits;
}

/**
 * Searches in PostgreSQL with pgvector 0.7 or newer, whose tables it makes itself: for more vectors than a process should
 * hold, at the price of asking for each question. Exact: every vector of the partition is compared with. What was put in
 * first goes first when there is no room, which is looked for every hundredth time.
 */
export class PgVectorIndex extends RemoteVectorIndex {
  private readonly query: Query;
  private readonly limits: VectorLimits;
  private ready: Promise<unknown> | null = null;
  private puts = 0;

  constructor({ query, clock, limits = LIMITS }: PgVectorIndexOptions) {
    super(clock, {
      place: 'PostgreSQL',
      advice: 'cache.index "pgvector" needs the extension "vector" 0.7 or newer and the right to create it',
    });
    [this.query, this.limits] = [query, limits];
  }

  override async upsert({ id, partition, vector, text, floor, expiresAtMs }: VectorRecord): Promise<void> {
    if (expiresAtMs <= this.clock.now()) return;
    await this.run(PUT, [id, partition, vector.length, literal(vector), text, floor, expiresAtMs]);
    this.puts += 1;
    if (this.puts % Math.max(1, Math.floor(this.limits.partition / 100)) === 0) await this.sweep(partition);
  }

  override async remove(id: string): Promise<void> {
    await this.run('delete from cache_vectors where id = $1::text', [id]);
  }

  override async search(partition: string, vector: Int8Array, count: number): Promise<Neighbour[]> {
    const values = [partition, literal(vector), vector.length, this.clock.now(), count];
    const rows = (await answeredWithin(SEARCH_MS, this.run(SEARCH, values))) as Neighbour[];
    return (
      rows
        // A vector without a direction is like nothing.
        .map(({ id, text, floor, similarity }) => ({ id, text, floor, similarity: similarity || 0 }))
        .sort((left, right) => right.similarity - left.similarity)
    );
  }

  override async clear(): Promise<void> {
    await this.run('delete from cache_vectors');
  }

  override async size(): Promise<VectorSize> {
    const [size] = (await this.run(SIZE, [this.clock.now()])) as [VectorSize];
    return size;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  private async sweep(partition: string): Promise<void> {
    await this.run(SWEEPS.expired, [this.clock.now()]);
    await this.run(SWEEPS.partition, [partition, this.limits.partition]);
    await this.run(SWEEPS.all, [this.limits.vectors]);
  }

  /** The table is made before the first statement, and looked for again after one that failed. */
  private run(statement: string, values: readonly unknown[] = []): Promise<unknown> {
    return this.attempt(async () => {
      try {
        this.ready ??= this.query(SETUP);
        await this.ready;
        return await this.query(statement, values);
      } catch (error) {
        this.ready = null;
        throw error;
      }
    });
  }
}

const literal = (vector: Int8Array): string => `[${vector.join(',')}]`;
