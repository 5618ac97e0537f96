import type { ParsedText } from '../guard/parse-text';
import {
  MAX_PARTITION_VECTORS,
  MAX_VECTORS,
  VectorIndex,
  type Neighbour,
  type VectorRecord,
  type VectorSize,
} from './vector-index';
import { VectorSlab, type VectorLimits } from './vector-slab';

export type { VectorLimits } from './vector-slab';

/** Encoders whose vectors are held: the one in use, and the one before it until its replicas have changed over. */
const MAX_DIMENSIONS = 2;

/**
 * The vectors of this process. Those of each dimension lie by themselves, because nothing can be compared across; of more
 * than two dimensions the one that was written to least recently is forgotten. The bounds hold for each.
 */
export class MemoryVectorIndex extends VectorIndex {
  override readonly isInProcess = true;
  /** By dimension; the one that was written to least recently comes first. */
  private readonly slabs = new Map<number, VectorSlab>();

  constructor(
    private readonly nowMs: () => number,
    private readonly limits: VectorLimits = { vectors: MAX_VECTORS, partition: MAX_PARTITION_VECTORS },
  ) {
    super();
  }

  override upsert(record: VectorRecord): Promise<void> {
    const slab = this.slabFor(record.vector.length);
    for (const other of this.slabs.values()) if (other !== slab) other.drop(record.id);
    slab.put(record);
    return Promise.resolve();
  }

  override remove(id: string): Promise<void> {
    for (const slab of this.slabs.values()) slab.drop(id);
    return Promise.resolve();
  }

  override search(partition: string, vector: Int8Array, count: number): Promise<Neighbour[]> {
    return Promise.resolve(this.slabs.get(vector.length)?.nearest(partition, vector, count) ?? []);
  }

  override mayHave(partition: string): boolean {
    return [...this.slabs.values()].some((slab) => slab.has(partition));
  }

  override mayHaveLike(partition: string, asked: ParsedText): boolean {
    return [...this.slabs.values()].some((slab) => slab.mayHoldLike(partition, asked));
  }

  override has(id: string): boolean {
    return [...this.slabs.values()].some((slab) => slab.holds(id));
  }

  override clear(): Promise<void> {
    this.slabs.clear();
    return Promise.resolve();
  }

  override size(): Promise<VectorSize> {
    const sum = { vectors: 0, partitions: 0, bytes: 0 };
    for (const slab of this.slabs.values()) {
      const { vectors, partitions, bytes } = slab.size();
      sum.vectors += vectors;
      sum.partitions += partitions;
      sum.bytes += bytes;
    }
    return Promise.resolve(sum);
  }

  override close(): Promise<void> {
    return this.clear();
  }

  private slabFor(dimension: number): VectorSlab {
    const slab = this.slabs.get(dimension) ?? new VectorSlab(dimension, this.nowMs, this.limits);
    this.slabs.delete(dimension);
    this.slabs.set(dimension, slab);
    const [oldest] = this.slabs.keys();
    if (this.slabs.size > MAX_DIMENSIONS && oldest !== undefined) this.slabs.delete(oldest);
    return slab;
  }
}
