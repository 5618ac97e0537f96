import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../platform/clock';
import { queryWithin } from './bounded-query';
import type { UsageRequest } from './entities/usage-request.entity';
import { firstRequestIdAt } from './id-time';
import { cursorTime, newestFirst, type RequestFilter } from './request-filter';
import { SliceLength } from './slice-length';

const FIRST_SLICE_MS = 60 * 60_000;
/** Without it the search only goes on through empty time. */
const OLDEST_LIMIT_MS = 100;

/** What is left: before this time, and after the request of the cursor. */
interface Place {
  readonly toMs: number;
  readonly cursor: string | null;
}

/**
 * Requests newest first, one slice of time after another. Slices grow while the database is quick and shrink when it is not,
 * so that no statement takes long however rare the rows that fit are.
 */
export class BackwardReader {
  private readonly length = new SliceLength(FIRST_SLICE_MS);

  private constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
    private readonly filter: RequestFilter,
    private readonly floorMs: number,
    private place: Place,
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
    return new BackwardReader(database, clock, filter, floorMs, { toMs, cursor });
  }

  get isAtEnd(): boolean {
    return this.place.toMs <= this.floorMs;
  }

  /** Everything that began at this time or later has been read. */
  get reached(): Date {
    return new Date(this.place.toMs);
  }

  /** Goes on here in another reader. */
  get nextCursor(): string {
    return this.place.cursor ?? firstRequestIdAt(this.place.toMs);
  }

  /**
   * At most `count` rows, from 1, of the next slice; null when that took longer than allowed: the next try reads less. Throws
   * `TooSlowError` when less is of no use either.
   */
  async read(count: number, limitMs: number): Promise<UsageRequest[] | null> {
    const fromMs = Math.max(this.floorMs, this.place.toMs - this.length.ms);
    const slice = { ...this.filter, from: new Date(fromMs), to: new Date(this.place.toMs) };
    const startedMs = this.clock.monotonic();
    const rows = await queryWithin(this.database, limitMs, (manager) =>
      newestFirst(manager, slice, { count, cursor: this.place.cursor }),
    );
    if (!rows) {
      this.length.missed();
      return null;
    }
    const last = rows.length < count ? undefined : rows.at(-1);
    if (last) {
      this.length.sufficed();
      this.place = { toMs: last.startedAt.getTime() + 1, cursor: last.id };
    } else {
      this.length.took(this.clock.monotonic() - startedMs, limitMs);
      this.place = { toMs: fromMs, cursor: null };
    }
    return rows;
  }
}

async function oldest(manager: EntityManager): Promise<number> {
  const [row] = await manager.query<{ at: Date }[]>(
    'select started_at as at from usage_requests order by started_at limit 1',
  );
  return row?.at.getTime() ?? 0;
}
