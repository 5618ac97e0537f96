import { Injectable } from '@nestjs/common';
import { PricesService, ReRating, type ReRatingRange, type ReRatingResult } from '../../billing';
import { NotFoundError } from '../../core/errors';
import { formatUsd } from '../../core/money';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';
import { sumsOfImport } from '../dtos/price-import.dto';
import { fromPrice } from '../dtos/price.dto';

/** Prices that are set through the API: on record as soon as they are in force. */
@Injectable()
export class PriceManagement {
  constructor(
    private readonly prices: PricesService,
    private readonly reRating: ReRating,
    private readonly audit: AuditLog,
  ) {}

  async set(
    caller: Caller,
    model: string,
    prices: Parameters<PricesService['set']>[1],
  ): ReturnType<PricesService['set']> {
    const before = this.view(model);
    const price = await this.prices.set(model, prices);
    await this.record(caller, 'price.set', model, before, fromPrice(price));
    return price;
  }

  async remove(caller: Caller, model: string): Promise<void> {
    const before = this.view(model);
    await this.prices.remove(model);
    await this.record(caller, 'price.delete', model, before, this.view(model));
  }

  async import(caller: Caller, ...what: Parameters<PricesService['import']>): ReturnType<PricesService['import']> {
    const result = await this.prices.import(...what);
    await this.record(caller, 'price.import', null, null, sumsOfImport(result));
    return result;
  }

  previewImport(file: Readonly<Record<string, unknown>>): ReturnType<PricesService['previewImport']> {
    return this.prices.previewImport(file);
  }

  previewReRating(range: ReRatingRange): Promise<ReRatingResult> {
    return this.reRating.preview(range);
  }

  /** Each step is on record with what it has posted, or it has not happened. */
  reRate(caller: Caller, range: ReRatingRange, reason: string): Promise<ReRatingResult> {
    const actor = actorOf(caller);
    const { from, to, provider = null, model = null } = range;
    return this.reRating.apply(range, (work) =>
      this.audit.change(actor, async (manager) => {
        const { changed, differenceNanoUsd } = await work(manager);
        const after = { from, to, provider, model, reason, changed, difference_usd: formatUsd(differenceNanoUsd) };
        const deed = { action: 'price.re_rate', targetId: null, targetLabel: model, before: null, after };
        return { result: undefined, deed };
      }),
    );
  }

  private view(model: string): object | null {
    try {
      return fromPrice(this.prices.get(model));
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  private record(
    caller: Caller,
    action: string,
    targetLabel: string | null,
    before: object | null,
    after: object | null,
  ): Promise<void> {
    return this.audit.record(actorOf(caller), { action, targetId: null, targetLabel, before, after });
  }
}
