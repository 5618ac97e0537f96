import type { ServerResponse } from 'node:http';
import { Get, Headers, Query, Res, type StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces } from '@nestjs/swagger';
import { OF_A_PROGRAM, RequestQueries, RequestSearch } from '../billing';
import { NotFoundError } from '../core/errors';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { CSV, csvFile } from './csv-file';
import { ContentDto, fromTranscript } from './dtos/content.dto';
import { fromPage, toPageRequest } from './dtos/page.dto';
import { toRequestCsv } from './dtos/request-csv';
import { RequestQueryDto, toRequestFilter } from './dtos/request-query.dto';
import { fromRequest, fromRequestDetail, RequestDetailDto, RequestPageDto } from './dtos/request.dto';
import { Id } from './id.decorator';
import { ContentReading } from './management/content-reading';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('requests', 'Requests')
export class RequestsController {
  constructor(
    private readonly requests: RequestQueries,
    private readonly searching: RequestSearch,
    private readonly content: ContentReading,
  ) {}

  /**
   * Newest first. A request appears about a quarter of a second after its end. Where requests that fit are rare among many, a page
   * holds what was found within some seconds, perhaps nothing: there is more while there is a `next_cursor`. With
   * `Accept: text/csv` all that fit, in one file.
   */
  @Get()
  @Permit('usage.read')
  @ApiOperation({ summary: 'Requests by any column, newest first' })
  @ApiProduces('application/json', CSV)
  @ApiOkResponse({ type: RequestPageDto })
  async list(
    @By() caller: Caller,
    @Query() query: RequestQueryDto,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<RequestPageDto | StreamableFile> {
    response.setHeader('vary', 'accept');
    const filter = { ...toRequestFilter(query), scope: caller.scope };
    if (accept?.includes(CSV)) return csvFile(toRequestCsv(this.searching.stream(filter)), 'requests.csv', response);
    return fromPage(await this.searching.search(filter, toPageRequest(query), OF_A_PROGRAM), fromRequest);
  }

  /** With every attempt and the decision trace. */
  @Get(':id')
  @Permit('usage.read')
  @ApiOperation({ summary: 'One request with its attempts and decision trace' })
  @ApiOkResponse({ type: RequestDetailDto })
  @Refuses(404)
  async get(@By() caller: Caller, @Id('req') id: string): Promise<RequestDetailDto> {
    const detail = await this.requests.find(id, caller.scope);
    if (!detail) throw new NotFoundError(`There is no request ${id}; a new one appears about 300 ms after its end.`);
    return fromRequestDetail(detail, await this.content.has(id));
  }

  /** Kept only for teams with `store_content`; what is private was taken out before. Each call is an entry of the audit log. */
  @Get(':id/content')
  @Permit('content.read')
  @ApiOperation({ summary: 'What was asked and answered in a request, when its team keeps it' })
  @ApiOkResponse({ type: ContentDto })
  @Refuses(404, 409)
  async readContent(@By() caller: Caller, @Id('req') id: string): Promise<ContentDto> {
    return fromTranscript(await this.content.read(caller, id));
  }
}
