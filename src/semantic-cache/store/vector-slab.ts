import { aside } from '../aside';
import { GuardIndex } from '../guard/guard-index';
import type { ParsedText } from '../guard/parse-text';
import { openScanner, type Scanner } from './scan-module';
import { lengthOf, type Neighbour, type VectorRecord, type VectorSize } from './vector-index';

/** Rows of a partition that lie together: few, because most partitions hold few. */
const BLOCK_ROWS = 16;
const PAGE = 65_536;
const LANE = 16;

export interface VectorLimits {
  readonly vectors: number;
  readonly partition: number;
}

interface Row {
  readonly id: string;
  readonly text: string;
  readonly floor: number;
}

interface Partition {
  readonly key: string;
  /** Where its blocks begin in memory; all are full but the last. */
  readonly blocks: number[];
  readonly rows: Row[];
  /** By row, apart from it: every search reads all of them, and numbers side by side are read many times as fast. */
  readonly lengths: number[];
  readonly expiries: number[];
  /** The row that goes next when the partition is full. */
  hand: number;
  /** What the guard compares its texts by; null until somebody wants to know. */
  guard: GuardIndex | null;
}

/**
 * Vectors of one dimension. Exact search by comparing with everything in the partition, 16 bytes at a time. An index that compares with less saves
 * half a millisecond at 100,000 vectors and takes minutes to build, forgets badly and cannot tell partitions apart.
 */
export class VectorSlab {
  /** The partition that was used least recently comes first. */
  private readonly partitions = new Map<string, Partition>();
  private readonly places = new Map<string, { readonly partition: Partition; row: number }>();
  private readonly free: number[] = [];
  /** Partitions that have texts which the guard has not read. */
  private readonly unread = new Set<Partition>();
  private isReading = false;
  private readonly scanner: Scanner = openScanner();
  /** Dimension, filled up to whole lanes. */
  private readonly stride: number;
  private used: number;

  constructor(
    readonly dimension: number,
    private readonly nowMs: () => number,
    private readonly limits: VectorLimits,
  ) {
    this.stride = Math.ceil(dimension / LANE) * LANE;
    const scores = Math.ceil(limits.partition / BLOCK_ROWS) * BLOCK_ROWS * 4;
    this.used = this.stride + scores;
    this.growTo(this.used);
  }

  has(partition: string): boolean {
    return this.partitions.has(partition);
  }

  holds(id: string): boolean {
    return this.places.has(id);
  }

  /** Whether the partition has a text that the guard may let stand in for this one. */
  mayHoldLike(key: string, asked: ParsedText): boolean {
    const partition = this.partitions.get(key);
    if (!partition) return false;
    if (!partition.guard) {
      partition.guard = new GuardIndex();
      for (const { id, text } of partition.rows) partition.guard.add(id, text);
      this.readLater(partition);
    }
    return partition.guard.mayHoldLike(asked);
  }

  size(): VectorSize {
    const bytes = this.scanner.memory.buffer.byteLength;
    return { vectors: this.places.size, partitions: this.partitions.size, bytes };
  }

  put(record: VectorRecord): void {
    if (record.expiresAtMs <= this.nowMs()) return;
    this.drop(record.id);
    const partition = this.touch(record.partition) ?? this.open(record.partition);
    if (partition.rows.length >= this.limits.partition) this.turnOut(partition);
    while (this.places.size >= this.limits.vectors) this.turnOut(this.partitions.values().next().value!);
    const row = partition.rows.length;
    if (row % BLOCK_ROWS === 0) partition.blocks.push(this.allocate());
    const { id, text, floor, expiresAtMs, vector } = record;
    partition.rows.push({ id, text, floor });
    partition.lengths.push(lengthOf(vector));
    partition.expiries.push(expiresAtMs);
    this.view(this.addressOf(partition, row)).set(vector);
    this.places.set(id, { partition, row });
    partition.guard?.add(id, text);
    this.readLater(partition);
    // Turning out may have emptied and closed it.
    this.partitions.set(partition.key, partition);
  }

  nearest(key: string, vector: Int8Array, count: number): Neighbour[] {
    const partition = this.touch(key);
    if (!partition) return [];
    const scores = this.scan(partition, vector);
    const length = lengthOf(vector);
    const now = this.nowMs();
    const best: { row: Row; similarity: number }[] = [];
    const expired: string[] = [];
    const { rows, lengths, expiries } = partition;
    for (let index = 0; index < rows.length; index += 1) {
      if (expiries[index]! <= now) {
        expired.push(rows[index]!.id);
        continue;
      }
      const similarity = scores[index]! / (lengths[index]! * length || 1);
      if (best.length === count && similarity <= best[count - 1]!.similarity) continue;
      const place = best.findIndex((other) => other.similarity < similarity);
      best.splice(place < 0 ? best.length : place, 0, { row: rows[index]!, similarity });
      if (best.length > count) best.pop();
    }
    for (const id of expired) this.drop(id);
    return best.map(({ row: { id, text, floor }, similarity }) => ({ id, text, floor, similarity }));
  }

  /** The dot products with all rows of the partition. The view is good until the next scan. */
  private scan({ blocks, rows }: Partition, vector: Int8Array): Int32Array {
    const scoresAt = this.stride;
    // Scores lie between the query and the blocks, in room that was left for a full partition.
    this.view(0).set(vector);
    blocks.forEach((block, index) => {
      const count = Math.min(BLOCK_ROWS, rows.length - index * BLOCK_ROWS);
      this.scanner.scan(0, block, count, this.stride, scoresAt + index * BLOCK_ROWS * 4);
    });
    return new Int32Array(this.scanner.memory.buffer, scoresAt, rows.length);
  }

  /** A few texts at a time, of all partitions together, so that no question has to read them and none waits long for it. */
  private readLater(partition: Partition): void {
    if (!partition.guard) return;
    this.unread.add(partition);
    if (this.isReading) return;
    this.isReading = true;
    // What is not read now is read by a question.
    this.readAside().catch(() => {});
  }

  private async readAside(): Promise<void> {
    try {
      for (const next of this.unread) {
        this.unread.delete(next);
        await aside();
        // One that was turned out whole is not read to its end; one that is not at its end comes behind the others.
        if (this.partitions.get(next.key) === next && next.guard?.readSome()) this.unread.add(next);
      }
    } finally {
      this.isReading = false;
    }
  }

  private open(key: string): Partition {
    const partition: Partition = { key, blocks: [], rows: [], lengths: [], expiries: [], hand: 0, guard: null };
    this.partitions.set(key, partition);
    return partition;
  }

  /** The partition, marked as used. */
  private touch(key: string): Partition | undefined {
    const partition = this.partitions.get(key);
    if (!partition) return undefined;
    this.partitions.delete(key);
    this.partitions.set(key, partition);
    return partition;
  }

  private turnOut(partition: Partition): void {
    partition.hand = partition.hand < partition.rows.length ? partition.hand : 0;
    const row = partition.rows[partition.hand];
    partition.hand += 1;
    if (row) this.drop(row.id);
  }

  /** The last row takes the place of the one that goes, so that a partition has no holes. */
  drop(id: string): void {
    const place = this.places.get(id);
    if (!place) return;
    const { partition, row } = place;
    const last = partition.rows.length - 1;
    this.places.delete(id);
    partition.guard?.remove(id);
    if (row !== last) {
      const moved = partition.rows[last]!;
      this.view(this.addressOf(partition, row)).set(this.view(this.addressOf(partition, last)));
      partition.rows[row] = moved;
      partition.lengths[row] = partition.lengths[last]!;
      partition.expiries[row] = partition.expiries[last]!;
      this.places.set(moved.id, { partition, row });
    }
    partition.rows.pop();
    partition.lengths.pop();
    partition.expiries.pop();
    if (last % BLOCK_ROWS === 0) this.free.push(partition.blocks.pop()!);
    if (partition.rows.length === 0) this.partitions.delete(partition.key);
  }

  private addressOf({ blocks }: Partition, row: number): number {
    return blocks[Math.floor(row / BLOCK_ROWS)]! + (row % BLOCK_ROWS) * this.stride;
  }

  private view(address: number): Int8Array {
    return new Int8Array(this.scanner.memory.buffer, address, this.dimension);
  }

  private allocate(): number {
    const known = this.free.pop();
    if (known !== undefined) return known;
    const address = this.used;
    this.used += BLOCK_ROWS * this.stride;
    this.growTo(this.used);
    return address;
  }

  /** By a quarter at least, because every growth may copy all of it. */
  private growTo(bytes: number): void {
    const { memory } = this.scanner;
    const has = memory.buffer.byteLength;
    if (bytes <= has) return;
    memory.grow(Math.ceil((Math.max(bytes, has * 1.25) - has) / PAGE));
  }
}
