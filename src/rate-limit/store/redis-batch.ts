import type { BucketCount } from './local-windows';
import type { Admission, WindowName } from './rate-limit.store';

type Argument = string | number;

/** The operations of one call of `sliding-window.lua`, in its encoding. */
export class RedisBatch {
  /** Every key once: windows and slots, behind the two keys of the script itself. */
  readonly keys: string[] = [];
  readonly operations: Argument[] = [];
  private readonly positions = new Map<string, number>();

  constructor(private readonly prefix: string) {}

  get isEmpty(): boolean {
    return this.operations.length === 0;
  }

  join(newEpoch: string, base: string): void {
    this.operations.push('J', newEpoch, base);
  }

  joined(): void {
    this.operations.push('E');
  }

  merge({ key, windowMs, bucket, count }: BucketCount): void {
    this.operations.push('M', this.at(key), windowMs, bucket, count);
  }

  correct({ key, windowMs, bucket, count }: BucketCount): void {
    this.operations.push('S', this.at(key), windowMs, bucket, count);
  }

  running(key: string, count: number): void {
    this.operations.push('C', this.at(key), count);
  }

  admit({ counters, slots }: Admission): void {
    const { operations } = this;
    operations.push('A', counters.length, slots.length);
    for (const { key, windowMs, limit, cost } of counters) operations.push(this.at(key), windowMs, limit, cost);
    for (const { key, limit } of slots) operations.push(this.at(key), limit);
  }

  usage(windows: readonly WindowName[], slots: readonly string[]): void {
    this.operations.push('U', windows.length, slots.length);
    for (const { key, windowMs } of windows) this.operations.push(this.at(key), windowMs);
    for (const key of slots) this.operations.push(this.at(key));
  }

  heartbeat(): void {
    this.operations.push('H');
  }

  depart(): void {
    this.operations.push('D');
  }

  private at(key: string): number {
    const known = this.positions.get(key);
    if (known !== undefined) return known;
    this.keys.push(this.prefix + key);
    // Lua counts from one, and the first two keys are the clock and the roll.
    const position = this.keys.length + 2;
    this.positions.set(key, position);
    return position;
  }
}

export type BatchStatus = 'done' | 'join' | 'join_with_everything';

export interface BatchReply {
  readonly status: BatchStatus;
  /** The store's time of the call. */
  readonly instantMs: number;
  readonly epoch: string;
  readonly storage: string;
  /** Replicas that are alive, told to a heartbeat; otherwise 0. */
  readonly members: number;
  /** Greater than 0 while the windows are put together again: then nothing is admitted from them. */
  readonly recoveringMs: number;
  /** One list of numbers for each `admit` and `usage`. */
  readonly results: readonly (readonly number[])[];
}

const STATUSES: readonly BatchStatus[] = ['done', 'join', 'join_with_everything'];

export function decodeReply(reply: unknown): BatchReply {
  const [status, instant, epoch, storage, members, recoveringMs, ...results] = reply as [
    number,
    string,
    string,
    string,
    number,
    number,
    ...number[][],
  ];
  return {
    status: STATUSES[status] ?? 'join_with_everything',
    instantMs: Number(instant),
    epoch,
    storage,
    members,
    recoveringMs,
    results,
  };
}
