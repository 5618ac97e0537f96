import { Body, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import { PricesService, UnpricedModels } from '../billing';
import { By } from './authority/by.decorator';
import type { Caller } from './authority/caller';
import { Permit } from './authority/permit.decorator';
import { fromPage, toPageRequest } from './dtos/page.dto';
import { fromPriceImport, PriceImportDto, PriceImportQueryDto } from './dtos/price-import.dto';
import { fromPrice, ModelPricesDto, PriceDto, PricePageDto, PriceQueryDto, toPrices } from './dtos/price.dto';
import { fromReRating, ReRatingDto, ReRatingResultDto, toReRatingRange } from './dtos/re-rating.dto';
import { fromUnpriced, UnpricedListDto } from './dtos/unpriced-model.dto';
import { PriceManagement } from './management/price-management';
import { ManagementController, Refuses } from './management-controller.decorator';

const ModelParam = (): MethodDecorator =>
  ApiParam({
    name: 'model',
    example: 'openai/gpt-4o',
    description: '`model` or `provider/model`, the slash as `%2F`.',
  });

@ManagementController('prices', 'Prices')
export class PricesController {
  constructor(
    private readonly prices: PricesService,
    private readonly management: PriceManagement,
    private readonly unpriced: UnpricedModels,
  ) {}

  /** The price list, with what the configuration and this API say instead. Sorted by name. */
  @Get()
  @Permit('prices.read')
  @ApiOperation({ summary: 'The prices in force, with their source and version' })
  @ApiOkResponse({ type: PricePageDto })
  list(@Query() query: PriceQueryDto): PricePageDto {
    const page = this.prices.list(toPageRequest(query), { source: query.source, search: query.search });
    return { ...fromPage(page, fromPrice), version: this.prices.version };
  }

  @Get('unpriced')
  @Permit('prices.read')
  @ApiOperation({ summary: 'Models without a known price that are offered or were called' })
  @ApiOkResponse({ type: UnpricedListDto })
  async listUnpriced(): Promise<UnpricedListDto> {
    return { data: (await this.unpriced.list()).map(fromUnpriced) };
  }

  /**
   * The body is the file itself: what LiteLLM calls `model_prices_and_context_window.json`, or a part of it. With `dry_run=true`
   * it only says what that would change.
   */
  @Post('import')
  @Permit('prices.write')
  @ApiOperation({ summary: 'Import a LiteLLM price file, or see the changes first' })
  @HttpCode(200)
  @ApiBody({
    schema: {
      type: 'object',
      additionalProperties: { type: 'object' },
      example: { 'gpt-4o': { input_cost_per_token: 0.0000025, output_cost_per_token: 0.00001 } },
    },
  })
  @ApiOkResponse({ type: PriceImportDto })
  async import(
    @By() caller: Caller,
    @Query() query: PriceImportQueryDto,
    @Body() body: Record<string, unknown>,
  ): Promise<PriceImportDto> {
    if (query.dry_run === 'true') return fromPriceImport(await this.management.previewImport(body), true);
    return fromPriceImport(await this.management.import(caller, body), false);
  }

  /**
   * Charges past calls by the prices in force now: after a price was wrong or missing. What was posted stays; the difference is
   * posted, and reaches requests, reports and budgets. Without `dry_run: false` it only says what that would come to.
   */
  @Post('re-rate')
  @Permit('prices.write')
  @ApiOperation({ summary: 'Re-rate past calls, or see the difference first' })
  @HttpCode(200)
  @ApiOkResponse({ type: ReRatingResultDto })
  async reRate(@By() caller: Caller, @Body() body: ReRatingDto): Promise<ReRatingResultDto> {
    const range = toReRatingRange(body);
    if (body.dry_run ?? true) return fromReRating(await this.management.previewReRating(range), true);
    return fromReRating(await this.management.reRate(caller, range, body.reason), false);
  }

  @Get(':model')
  @Permit('prices.read')
  @ApiOperation({ summary: 'The price of one model' })
  @ModelParam()
  @ApiOkResponse({ type: PriceDto })
  @Refuses(404)
  get(@Param('model') model: string): PriceDto {
    return fromPrice(this.prices.get(model));
  }

  /** Wins over the price list, everywhere within a second. Calls that have been admitted keep the price they began with. */
  @Put(':model')
  @Permit('prices.write')
  @ApiOperation({ summary: 'Set the price of a model' })
  @ModelParam()
  @ApiOkResponse({ type: PriceDto })
  @Refuses(409)
  async set(@By() caller: Caller, @Param('model') model: string, @Body() body: ModelPricesDto): Promise<PriceDto> {
    return fromPrice(await this.management.set(caller, model, toPrices(body)));
  }

  @Delete(':model')
  @Permit('prices.write')
  @ApiOperation({ summary: 'Take a price that was set here back' })
  @ModelParam()
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'The price list is in force again, everywhere within a second.' })
  @Refuses(404, 409)
  async remove(@By() caller: Caller, @Param('model') model: string): Promise<void> {
    await this.management.remove(caller, model);
  }
}
