import { Body, Get, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { PRICE_ORIGINS, PricesService, UnpricedModels, type PriceInForce } from '../../../billing';
import { InvalidRequestError } from '../../../core/errors';
import { formatUsdPerMillion } from '../../../core/money';
import { ModelPricesDto, PriceQueryDto, toPrices } from '../../dtos/price.dto';
import { PriceManagement } from '../../management/price-management';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { mayDo } from '../../authority/permissions';
import { Pages, viewerIn } from '../render/pages';
import { checked, compactOf, pageOf, problemOf, textOf, type Query } from './fields';

const HOME = '/admin/prices';
const ORIGINS = { catalogue: 'price list', config: 'configuration file', api: 'set here', import: 'imported' } as const;
/** What the form sets; the management API sets the rest too. */
const FIELDS = ['input', 'output', 'cache_read', 'cache_write_5m'] as const;

@ConsoleController('prices')
export class PricesPageController {
  constructor(
    private readonly pages: Pages,
    private readonly prices: PricesService,
    private readonly management: PriceManagement,
    private readonly unpriced: UnpricedModels,
  ) {}

  @Get()
  @Permit('prices.read')
  async list(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    try {
      await this.show(response, query);
    } catch (error) {
      await this.show(response, {}, { search: textOf(query, 'search'), problem: problemOf(error) }, 400);
    }
  }

  /** Wins over the price list, everywhere within a second. */
  @Post()
  @Permit('prices.write')
  async set(@Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const model = modelOf(form);
      const typed = Object.fromEntries(FIELDS.map((name) => [name, textOf(form, name)?.replace(/[$,\s]/g, '')]));
      const prices = toPrices(await checked(ModelPricesDto, typed));
      await this.management.set(viewerIn(response), model, prices);
      this.pages.done(response, `${HOME}?${new URLSearchParams({ search: model }).toString()}`, 'saved');
    } catch (error) {
      await this.show(response, {}, { values: form, problem: problemOf(error) }, 400);
    }
  }

  /** The price list is in force again. */
  @Post('remove')
  @Permit('prices.write')
  async remove(@Body() form: Query, @Res() response: Response): Promise<void> {
    const model = modelOf(form);
    await this.management.remove(viewerIn(response), model);
    this.pages.done(response, `${HOME}?${new URLSearchParams({ search: model }).toString()}`, 'taken_back');
  }

  private async show(response: Response, query: Query, more: object = {}, status = 200): Promise<void> {
    const { role } = viewerIn(response);
    const values = compactOf({ source: textOf(query, 'source'), search: textOf(query, 'search') });
    const { source, search } = await checked(PriceQueryDto, values);
    const page = this.prices.list(pageOf(query), { source, search });
    const hrefOf = (extra: Record<string, string>): string =>
      `${HOME}?${new URLSearchParams({ ...(values as Record<string, string>), ...extra }).toString()}`;
    this.pages.show(
      response,
      'prices',
      {
        title: 'Prices',
        version: this.prices.version,
        search,
        sources: PRICE_ORIGINS.map((value) => ({ value, label: ORIGINS[value], isChosen: value === source })),
        rows: page.items.map(rowOf),
        unpriced: await this.unpriced.list(),
        nextHref: page.nextCursor === null ? null : hrefOf({ cursor: page.nextCursor }),
        firstHref: query['cursor'] === undefined ? null : hrefOf({}),
        mayWrite: mayDo(role, 'prices.write'),
        values: { model: textOf(query, 'model') ?? '' },
        ...more,
      },
      status,
    );
  }
}

function modelOf(form: Query): string {
  const model = textOf(form, 'model');
  if (model !== undefined) return model;
  throw new InvalidRequestError('Name a model, as model or as provider/model.', 'model');
}

/** In USD per million tokens. */
function rowOf({ model, source, since, price, facts }: PriceInForce) {
  const [base, ...steps] = price.tiers;
  return {
    model,
    origin: ORIGINS[source],
    isOwn: source === 'api' || source === 'import',
    since,
    input: formatUsdPerMillion(base.input),
    output: formatUsdPerMillion(base.output),
    cacheRead: formatUsdPerMillion(base.cacheRead),
    cacheWrite: formatUsdPerMillion(base.cacheWrite5m),
    isStepped: steps.length > 0,
    tiers: Object.keys(price.serviceTiers ?? {}).join(', '),
    contextWindow: facts.contextWindow,
    maxOutputTokens: facts.maxOutputTokens,
    capabilities: facts.capabilities?.map((name) => name.replaceAll('_', ' ')).join(', '),
    editHref: `${HOME}?${new URLSearchParams({ model, search: model }).toString()}#set`,
  };
}
