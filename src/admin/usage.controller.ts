import type { ServerResponse } from 'node:http';
import { Get, Headers, Query, Res, type StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces } from '@nestjs/swagger';
import { UsageQueries } from '../billing';
import { Clock } from '../platform/clock';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { CSV, csvFile } from './csv-file';
import { fromUsageGroup, toUsageCsv, toUsageQuery, UsageQueryDto, UsageReportDto } from './dtos/usage.dto';
import { ManagementController } from './management-controller.decorator';

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
    if (accept?.includes(CSV))
      return csvFile(toUsageCsv(this.usage.stream(wanted), wanted.groupBy), 'usage.csv', response);
    const groups = await this.usage.report(wanted);
    return { data: groups.map(fromUsageGroup), from: wanted.from.toISOString(), to: wanted.to.toISOString() };
  }
}
