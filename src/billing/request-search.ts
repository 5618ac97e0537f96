import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { toPage, type Page, type PageRequest } from '../core/page';
import { Clock } from '../platform/clock';
import { isCanceled } from './bounded-query';
import type { UsageRequest } from './entities/usage-request.entity';
import { firstRequestIdAt } from './id-time';
import { cursorTime, newestFirst, type RequestFilter } from './request-queries';

/** A person who filters waits this long for what there is to see. */
const BUDGET_MS = 350;
/** Enough where an index leads to the rows, or where many fit. */
const FIRST_TRY_MS = 150;
/** Less is not worth another statement. */
const LEAST_MS = 20;
const FIRST_SLICE_MS = 60 * 60_000;
const GROWTH = 4;
/** Of the time that is left, what one slice may take: one that is too long must leave time for a shorter one. */
const SLICE_SHARE = 0.6;

export interface SearchedPage extends Page<UsageRequest> {
  /** How far back it was looked when the time was over; null when the page is all there is, or full. */
  readonly searchedTo: Date | null;
}

/**
 * Requests for people: whatever the filter, the answer comes within about half a second. When rows that fit are rare and no
 * index leads to them, time is searched backwards slice by slice; a page then holds what was found, and its cursor goes on
 * from there.
 */
@Injectable()
export class RequestSearch {
  protected readonly firstTryMs: number = FIRST_TRY_MS;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  async search(filter: RequestFilter, page: PageRequest): Promise<SearchedPage> {
    const deadlineMs = this.clock.monotonic() + BUDGET_MS;
    const whole = await this.within(this.firstTryMs, (manager) => newestFirst(manager, filter, page));
    if (whole) return { ...toPage(whole, page.limit, ({ id }) => id), searchedTo: null };
    return this.inSlices(filter, page, deadlineMs);
  }

  private async inSlices(filter: RequestFilter, page: PageRequest, deadlineMs: number): Promise<SearchedPage> {
    const leftMs = (): number => deadlineMs - this.clock.monotonic();
    const oldestMs = (await this.within(leftMs(), oldest)) ?? 0;
    const floorMs = Math.max(oldestMs, filter.from?.getTime() ?? 0);
    const found: UsageRequest[] = [];
    let cursor = page.cursor;
    let toMs = this.newestMs(filter, cursor);
    for (let lengthMs = FIRST_SLICE_MS; toMs > floorMs && found.length <= page.limit;) {
      if (leftMs() < LEAST_MS) return { items: found, nextCursor: firstRequestIdAt(toMs), searchedTo: new Date(toMs) };
      const slice = { ...filter, from: new Date(Math.max(floorMs, toMs - lengthMs)), to: new Date(toMs) };
      const wanted = { limit: page.limit - found.length, cursor };
      const rows = await this.within(leftMs() * SLICE_SHARE, (manager) => newestFirst(manager, slice, wanted));
      lengthMs = rows ? lengthMs * GROWTH : Math.ceil(lengthMs / (GROWTH * GROWTH));
      if (!rows) continue;
      found.push(...rows);
      cursor = null;
      toMs = slice.from.getTime();
    }
    return { ...toPage(found, page.limit, ({ id }) => id), searchedTo: null };
  }

  private newestMs({ to }: RequestFilter, cursor: string | null): number {
    // Clocks of replicas differ by less than a slice.
    const nowMs = this.clock.now() + FIRST_SLICE_MS;
    return Math.min(to?.getTime() ?? nowMs, cursor === null ? nowMs : cursorTime(cursor).getTime() + 1);
  }

  /** Null when the time was over. */
  private async within<T>(limitMs: number, read: (manager: EntityManager) => Promise<T>): Promise<T | null> {
    if (limitMs < 1) return null;
    try {
      return await this.database.transaction(async (manager) => {
        await manager.query(`set local statement_timeout = ${Math.floor(limitMs)}`);
        return read(manager);
      });
    } catch (error) {
      if (isCanceled(error)) return null;
      throw error;
    }
  }
}

async function oldest(manager: EntityManager): Promise<number> {
  const [row] = await manager.query<{ at: Date }[]>(
    'select started_at as at from usage_requests order by started_at limit 1',
  );
  return row?.at.getTime() ?? 0;
}
