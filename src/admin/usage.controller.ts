import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { Get, Headers, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces } from '@nestjs/swagger';
import { UsageQueries, type UsageQuery } from '../billing';
import { Clock } from '../platform/clock';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { fromUsageGroup, toUsageCsv, toUsageQuery, UsageQueryDto, UsageReportDto } from './dtos/usage.dto';
import { ManagementController } from './management-controller.decorator';

const CSV = 'text/csv';

@ManagementController('usage', 'Usage')
export class UsageController {
  constructor(
    private readonly usage: UsageQueries,
    private readonly clock: Clock,
  ) {}

  /** Sums over requests; as a CSV file of any length with `Accept: text/csv`. */
  @Get()
  @Permit('usage.read')
  @ApiOperation({ summary: 'Usage and cost by any dimension, as JSON or CSV' })
  @ApiProduces('application/json', CSV)
  @ApiOkResponse({ type: UsageReportDto })
  async report(
    @By() caller: Caller,
    @Query() query: UsageQueryDto,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<UsageReportDto | StreamableFile> {
    const wanted = { ...toUsageQuery(query, this.clock.now()), scope: caller.scope };
    response.setHeader('vary', 'accept');
    if (accept?.includes(CSV)) return this.csv(wanted, response);
    const groups = await this.usage.report(wanted);
    return { data: groups.map(fromUsageGroup), from: wanted.from.toISOString(), to: wanted.to.toISOString() };
  }

  private async csv(query: UsageQuery, response: ServerResponse): Promise<StreamableFile> {
    const lines = toUsageCsv(this.usage.stream(query), query.groupBy);
    // What is wrong with the query shows with the first line, while there is still a status to send.
    const first = await lines.next();
    const file = new StreamableFile(Readable.from(withFirst(first.value, lines)), {
      type: `${CSV}; charset=utf-8`,
      disposition: 'attachment; filename="usage.csv"',
    });
    // A broken export must not pass for a whole one.
    return file.setErrorHandler(() => response.destroy());
  }
}

async function* withFirst(first: string | void, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    if (first !== undefined) yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
