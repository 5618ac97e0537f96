import type { ServerResponse } from 'node:http';
import { Get, Headers, Query, Res, type StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces } from '@nestjs/swagger';
import { RequestQueries } from '../billing';
import { NotFoundError } from '../core/errors';
import { Permit } from './authority/permit.decorator';
import { CSV, csvFile } from './csv-file';
import { fromPage, toPageRequest } from './dtos/page.dto';
import { toRequestCsv } from './dtos/request-csv';
import { RequestQueryDto, toRequestFilter } from './dtos/request-query.dto';
import { fromRequest, fromRequestDetail, RequestDetailDto, RequestPageDto } from './dtos/request.dto';
import { Id } from './id.decorator';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('requests', 'Requests')
export class RequestsController {
  constructor(private readonly requests: RequestQueries) {}

  /** Newest first. A request appears about a quarter of a second after its end. With `Accept: text/csv` all that fit, in one file. */
  @Get()
  @Permit('usage.read')
  @ApiOperation({ summary: 'Requests by any column, newest first' })
  @ApiProduces('application/json', CSV)
  @ApiOkResponse({ type: RequestPageDto })
  async list(
    @Query() query: RequestQueryDto,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<RequestPageDto | StreamableFile> {
    response.setHeader('vary', 'accept');
    if (accept?.includes(CSV))
      return csvFile(toRequestCsv(this.requests.stream(toRequestFilter(query))), 'requests.csv', response);
    return fromPage(await this.requests.list(toRequestFilter(query), toPageRequest(query)), fromRequest);
  }

  /** With every attempt and the decision trace. */
  @Get(':id')
  @Permit('usage.read')
  @ApiOperation({ summary: 'One request with its attempts and decision trace' })
  @ApiOkResponse({ type: RequestDetailDto })
  @Refuses(404)
  async get(@Id('req') id: string): Promise<RequestDetailDto> {
    const detail = await this.requests.find(id);
    if (!detail) throw new NotFoundError(`There is no request ${id}; a new one appears about 300 ms after its end.`);
    return fromRequestDetail(detail);
  }
}
