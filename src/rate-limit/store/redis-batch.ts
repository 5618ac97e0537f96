import type { BucketCount } from './local-windows';
import type { PermitRequest } from './permit-desk';
import { PERMIT_MS } from './permit-pool';
import type { Admission, WindowName } from './rate-limit.store';

type Argument = string | number;

/** The operations of one call of `sliding-window.lua`, in its encoding. */
export class RedisBatch {
  /** Every key once: windows and slots, behind the two keys of the script itself. */
  readonly keys: string[] = [];
  private readonly opening: Argument[] = [];
  /** Counts that the store has to hear before anything is decided. */
  private merges: Argument[] = [];
  private corrections: Argument[] = [];
  private readonly rest: Argument[] = [];
  private readonly positions = new Map<string, number>();

  constructor(private readonly prefix: string) {}

  get isEmpty(): boolean {
    return this.operations.length === 0;
  }

  get operations(): Argument[] {
    return [...this.opening, ...this.merges, ...this.corrections, ...this.rest];
  }

  /** The store has got what this batch was to merge in another way. */
  forgetMerges(): void {
    this.merges = [];
  }

  /** The store has got counts that are corrected already. */
  forgetCorrections(): void {
    this.corrections = [];
  }

  join(newEpoch: string, base: string): void {
    this.opening.push('J', newEpoch, base);
  }

  joined(): void {
    this.rest.push('E');
  }

  merge({ key, windowMs, bucket, count }: BucketCount): void {
    this.merges.push('M', this.at(key), windowMs, bucket, count);
  }

  correct({ key, windowMs, bucket, count }: BucketCount): void {
    this.corrections.push('S', this.at(key), windowMs, bucket, count);
  }

  running(key: string, count: number): void {
    this.rest.push('C', this.at(key), count);
  }

  admit({ counters, slots }: Admission): void {
    const { rest } = this;
    rest.push('A', counters.length, slots.length);
    for (const { key, windowMs, limit, cost } of counters) rest.push(this.at(key), windowMs, limit, cost);
    for (const { key, limit } of slots) rest.push(this.at(key), limit);
  }

  permits({ key, windowMs, limit, want }: PermitRequest): void {
    this.rest.push('G', this.at(key), windowMs, limit, want, PERMIT_MS);
  }

  usage(windows: readonly WindowName[], slots: readonly string[]): void {
    this.rest.push('U', windows.length, slots.length);
    for (const { key, windowMs } of windows) this.rest.push(this.at(key), windowMs);
    for (const key of slots) this.rest.push(this.at(key));
  }

  heartbeat(): void {
    this.rest.push('H');
  }

  depart(): void {
    this.rest.push('D');
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
  /** One list of numbers for each `admit`, `permits` and `usage`. */
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
