import { Injectable } from '@nestjs/common';
import { PricesService } from '../../billing';
import { NotFoundError } from '../../core/errors';
import { AuditLog } from '../audit/audit-log';
import { actorOf, type Caller } from '../authority/caller';
import { fromPrice, fromPriceImport } from '../dtos/price.dto';

/** Prices that are set through the API: on record as soon as they are in force. */
@Injectable()
export class PriceManagement {
  constructor(
    private readonly prices: PricesService,
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

  async import(caller: Caller, file: Readonly<Record<string, unknown>>): ReturnType<PricesService['import']> {
    const result = await this.prices.import(file);
    await this.record(caller, 'price.import', null, null, fromPriceImport(result));
    return result;
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
