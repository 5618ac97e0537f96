import { Body, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { Clock } from '../platform/clock';
import { ProviderOverviews } from '../providers';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { fromCheck, fromOverview, ProviderCheckDto, ProviderPageDto, TestProviderDto } from './dtos/provider.dto';
import { Operations } from './management/operations';
import { ManagementController, Refuses } from './management-controller.decorator';

@ManagementController('providers', 'Providers')
export class ProvidersController {
  constructor(
    private readonly providers: ProviderOverviews,
    private readonly operations: Operations,
    private readonly clock: Clock,
  ) {}

  /** Every provider with the health of each of its models, as this replica sees it. */
  @Get()
  @Permit('routing.read')
  @ApiOperation({ summary: 'The providers and their models: health, breaker, latency, quota' })
  @ApiOkResponse({ type: ProviderPageDto })
  list(): ProviderPageDto {
    const nowMs = this.clock.now();
    return { data: this.providers.list().map((overview) => fromOverview(overview, nowMs)), next_cursor: null };
  }

  /** Makes one real call of a few tokens, on no team's bill. A success ends the provider's cooldowns and closes its breakers. */
  @Post(':name/test')
  @Permit('routing.write')
  @ApiOperation({ summary: 'Ask a provider for one short answer, to see whether it works' })
  @HttpCode(200)
  @ApiBody({ type: TestProviderDto, required: false })
  @ApiOkResponse({ type: ProviderCheckDto })
  @Refuses(404)
  async test(
    @By() caller: Caller,
    @Param('name') name: string,
    @Body() body?: TestProviderDto,
  ): Promise<ProviderCheckDto> {
    return fromCheck(await this.operations.testProvider(caller, name, body?.model));
  }
}
