import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
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
const LEAST_MS = 25;
const FIRST_SLICE_MS = 60 * 60_000;
const GROWTH = 4;

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
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  async search(filter: RequestFilter, page: PageRequest): Promise<SearchedPage> {
    const deadlineMs = this.clock.monotonic() + BUDGET_MS;
    const whole = await this.within(FIRST_TRY_MS, filter, page);
    if (whole) return { ...toPage(whole, page.limit, ({ id }) => id), searchedTo: null };
    return this.inSlices(filter, page, deadlineMs);
  }

  private async inSlices(filter: RequestFilter, page: PageRequest, deadlineMs: number): Promise<SearchedPage> {
    const floorMs = Math.max(await this.oldestMs(), filter.from?.getTime() ?? 0);
    const found: UsageRequest[] = [];
    let { cursor } = page;
    let toMs = Math.min(filter.to?.getTime() ?? Infinity, cursor === null ? this.clock.now() + FIRST_SLICE_MS : cursorTime(cursor).getTime() + 1);
    for (let lengthMs = FIRST_SLICE_MS; toMs > floorMs; lengthMs *= GROWTH) {
      const leftMs = deadlineMs - this.clock.monotonic();
      const slice = { ...filter, from: new Date(Math.max(floorMs, toMs - lengthMs)), to: new Date(toMs) };
      const rows = leftMs < LEAST_MS ? null : await this.within(leftMs, slice, { limit: page.limit - found.length, cursor });
      if (!rows) return { items: found, nextCursor: firstRequestIdAt(toMs), searchedTo: new Date(toMs) };
      found.push(...rows);
      if (found.length > page.limit) break;
      cursor = null;
      toMs = slice.from.getTime();
    }
    return { ...toPage(found, page.limit, ({ id }) => id), searchedTo: null };
  }

  private async oldestMs(): Promise<number> {
    const [row] = await this.database.query<{ at: Date }[]>(
      'select started_at as at from usage_requests order by started_at limit 1',
    );
    return row?.at.getTime() ?? 0;
  }

  /** Null when the time was over. */
  private async within(limitMs: number, filter: RequestFilter, page: PageRequest): Promise<UsageRequest[] | null> {
    try {
      return await this.database.transaction(async (manager) => {
        await manager.query(`set local statement_timeout = ${Math.max(1, Math.floor(limitMs))}`);
        return newestFirst(manager, filter, page);
      });
    } catch (error) {
      if (isCanceled(error)) return null;
      throw error;
    }
  }
}
