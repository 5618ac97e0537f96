import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../platform/clock';
import { queryWithin } from './bounded-query';
import type { UsageRequest } from './entities/usage-request.entity';
import { firstRequestIdAt } from './id-time';
import { cursorTime, newestFirst, type RequestFilter } from './request-filter';

const FIRST_SLICE_MS = 60 * 60_000;
const GROWTH = 4;
/** Without it the search only goes on through empty time. */
const OLDEST_LIMIT_MS = 100;

/**
 * Requests newest first, one slice of time after another. Slices grow while the database is quick and shrink when it is not,
 * so that no statement takes long however rare the rows that fit are.
 */
export class BackwardReader {
  private lengthMs = FIRST_SLICE_MS;

  private constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
    private readonly filter: RequestFilter,
    private readonly floorMs: number,
    private toMs: number,
    private cursor: string | null,
  ) {}

  /** Begins after the cursor, or with the newest. */
  static async from(
    database: DataSource,
    clock: Clock,
    filter: RequestFilter,
    cursor: string | null = null,
  ): Promise<BackwardReader> {
    const oldestMs = (await queryWithin(database, OLDEST_LIMIT_MS, oldest)) ?? 0;
    // Clocks of replicas differ by less than a slice.
    const nowMs = clock.now() + FIRST_SLICE_MS;
    const toMs = Math.min(filter.to?.getTime() ?? nowMs, cursor === null ? nowMs : cursorTime(cursor).getTime() + 1);
    const floorMs = Math.max(oldestMs, filter.from?.getTime() ?? 0);
    return new BackwardReader(database, clock, filter, floorMs, toMs, cursor);
  }

  get isAtEnd(): boolean {
    return this.toMs <= this.floorMs;
  }

  /** Everything that began at this time or later has been read. */
  get reached(): Date {
    return new Date(this.toMs);
  }

  /** Goes on here in another reader. */
  get nextCursor(): string {
    return this.cursor ?? firstRequestIdAt(this.toMs);
  }

  /** At most `count` rows, from 1, of the next slice; null when that took longer than allowed: the next try reads less. */
  async read(count: number, limitMs: number): Promise<UsageRequest[] | null> {
    const fromMs = Math.max(this.floorMs, this.toMs - this.lengthMs);
    const slice = { ...this.filter, from: new Date(fromMs), to: new Date(this.toMs) };
    const startedMs = this.clock.monotonic();
    const rows = await queryWithin(this.database, limitMs, (manager) =>
      newestFirst(manager, slice, { count, cursor: this.cursor }),
    );
    if (!rows) {
      this.lengthMs = Math.ceil(this.lengthMs / (GROWTH * GROWTH));
      return null;
    }
    const last = rows.length < count ? undefined : rows.at(-1);
    this.cursor = last?.id ?? null;
    this.toMs = last ? last.startedAt.getTime() + 1 : fromMs;
    if (!last && (this.clock.monotonic() - startedMs) * GROWTH < limitMs) this.lengthMs *= GROWTH;
    return rows;
  }
}

async function oldest(manager: EntityManager): Promise<number> {
  const [row] = await manager.query<{ at: Date }[]>(
    'select started_at as at from usage_requests order by started_at limit 1',
  );
  return row?.at.getTime() ?? 0;
}
