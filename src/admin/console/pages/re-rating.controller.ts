import { Body, Get, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { ReRatingResult } from '../../../billing';
import { fromReRating, ReRatingDto, toReRatingRange } from '../../dtos/re-rating.dto';
import { PriceManagement } from '../../management/price-management';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { Pages, viewerIn } from '../render/pages';
import { checked, problemOf, textOf, wholeDays, type Query } from './fields';

const HOME = '/admin/prices/re-rate';

/** Past calls by the prices in force now: what that would come to, then the posting of it. */
@ConsoleController('prices/re-rate')
export class ReRatingPageController {
  constructor(
    private readonly pages: Pages,
    private readonly management: PriceManagement,
  ) {}

  @Get()
  @Permit('prices.write')
  form(@Res() response: Response): void {
    this.show(response, { values: {} });
  }

  @Post()
  @Permit('prices.write')
  async preview(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, form, async () => {
      const result = await this.management.previewReRating(toReRatingRange(await wantedBy(form)));
      this.show(response, { values: form, ...shownOf(result) });
    });
  }

  /** Posts the difference: it reaches requests, reports and budgets. */
  @Post('post')
  @Permit('prices.write')
  async post(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, form, async () => {
      const wanted = await wantedBy(form);
      const result = await this.management.reRate(viewerIn(response), toReRatingRange(wanted), wanted.reason);
      this.show(response, { values: {}, ...shownOf(result), isPosted: true });
    });
  }

  private async attempt(response: Response, form: Query, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.show(response, { values: form, problem: problemOf(error) }, 400);
    }
  }

  private show(response: Response, model: object, status = 200): void {
    this.pages.show(response, 're-rating', { title: 'Re-rate past calls', home: HOME, ...model }, status);
  }
}

const wantedBy = (form: Query): Promise<ReRatingDto> => {
  const { from = '', to = '' } = wholeDays({ from: textOf(form, 'from'), to: textOf(form, 'to') });
  const [provider, model] = [textOf(form, 'provider'), textOf(form, 'model')];
  return checked(ReRatingDto, { from, to, provider, model, reason: textOf(form, 'reason') ?? '' });
};

function shownOf(result: ReRatingResult) {
  const rows = result.models.map((one) => ({ ...one, difference: one.afterNanoUsd - one.beforeNanoUsd }));
  const { attempts, changed } = fromReRating(result, true);
  return {
    result: {
      attempts,
      changed,
      rows,
      difference: rows.reduce((sum, { difference }) => sum + difference, 0n),
      unpriced: result.unpriced,
      version: result.version,
    },
  };
}
