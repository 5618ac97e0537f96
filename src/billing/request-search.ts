import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { toPage, type Page, type PageRequest } from '../core/page';
import { Clock } from '../platform/clock';
import { BackwardReader } from './backward-reader';
import { queryWithin } from './bounded-query';
import type { UsageRequest } from './entities/usage-request.entity';
import { newestFirst, type RequestFilter } from './request-filter';

/** How long who asks waits for what there is to see. */
export interface Patience {
  /** For all of it at once: enough where an index leads to the rows, or where many fit. */
  readonly firstTryMs: number;
  /** In all. */
  readonly budgetMs: number;
}

const OF_A_PERSON: Patience = { firstTryMs: 150, budgetMs: 350 };
/** Fewer pages with little in them. */
export const OF_A_PROGRAM: Patience = { firstTryMs: 1_500, budgetMs: 3_500 };

/** Less is not worth another statement. */
const LEAST_MS = 20;
/** Of the time that is left, what one slice may take: one that is too long must leave time for a shorter one. */
const SLICE_SHARE = 0.6;

/** Rows that a stream holds at a time. */
const STREAM_ROWS = 1_000;
/** Long enough for a page on a busy database, short enough for those who share it. */
const STREAM_STATEMENT_MS = 1_000;

export interface SearchedPage extends Page<UsageRequest> {
  /** How far back it was looked when the time was over; null when the page is all there is, or full. */
  readonly searchedTo: Date | null;
}

/**
 * Requests by whatever filter, newest first, without a statement that holds others up. When rows that fit are rare and no
 * index leads to them, time is searched backwards slice by slice.
 */
@Injectable()
export class RequestSearch {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  /** A page, within about the time given; it holds what was found until then, and its cursor goes on from there. */
  async search(filter: RequestFilter, page: PageRequest, patience = OF_A_PERSON): Promise<SearchedPage> {
    const deadlineMs = this.clock.monotonic() + patience.budgetMs;
    const wanted = { count: page.limit + 1, cursor: page.cursor };
    const whole = await queryWithin(this.database, patience.firstTryMs, (manager) =>
      newestFirst(manager, filter, wanted),
    );
    if (whole) return { ...toPage(whole, page.limit, ({ id }) => id), searchedTo: null };
    return this.inSlices(filter, page, deadlineMs);
  }

  /** All that fit, however many and however rare: a page at a time, so that nothing grows and nobody is held up. */
  async *stream(filter: RequestFilter, statementMs = STREAM_STATEMENT_MS): AsyncGenerator<UsageRequest> {
    const reader = await BackwardReader.from(this.database, this.clock, filter);
    while (!reader.isAtEnd) yield* (await reader.read(STREAM_ROWS, statementMs)) ?? [];
  }

  private async inSlices(filter: RequestFilter, page: PageRequest, deadlineMs: number): Promise<SearchedPage> {
    const leftMs = (): number => deadlineMs - this.clock.monotonic();
    const reader = await BackwardReader.from(this.database, this.clock, filter, page.cursor);
    const found: UsageRequest[] = [];
    while (!reader.isAtEnd && found.length <= page.limit) {
      if (leftMs() < LEAST_MS) return { items: found, nextCursor: reader.nextCursor, searchedTo: reader.reached };
      const rows = await reader.read(page.limit + 1 - found.length, leftMs() * SLICE_SHARE);
      if (rows) found.push(...rows);
    }
    return { ...toPage(found, page.limit, ({ id }) => id), searchedTo: null };
  }
}
