import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { TargetName } from '../../core/context';
import { Clock } from '../../platform/clock';
import { boundedQuery } from '../bounded-query';
import { PriceBook } from '../price-book';
import { ProviderTypes } from '../provider-types';
import { OfferedModels } from './offered-models';

const LOOK_BACK_MS = 30 * 24 * 60 * 60_000;
const MAX_CALLED = 1_000;

/** A model whose price is not known. */
export interface UnpricedModel extends TargetName {
  /** Whether the configuration offers it now. */
  readonly offered: boolean;
  /** Attempts of the last 30 days that were charged by a guess or not at all (`pricing.unknown: estimate`, `free`). */
  readonly calls: number;
  readonly lastCalledAt: Date | null;
}

interface CalledRow extends TargetName {
  readonly calls: string;
  readonly last: Date;
}

/** What the operator should price. */
@Injectable()
export class UnpricedModels {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly book: PriceBook,
    private readonly types: ProviderTypes,
    private readonly offered: OfferedModels,
    private readonly clock: Clock,
  ) {}

  /** The most called first. A model that was priced since it was called is not among them. */
  async list(): Promise<UnpricedModel[]> {
    const found = new Map<string, UnpricedModel>();
    for (const { provider, model } of this.offered.targets()) {
      found.set(`${provider}/${model}`, { provider, model, offered: true, calls: 0, lastCalledAt: null });
    }
    for (const { provider, model, calls, last } of await this.called()) {
      const key = `${provider}/${model}`;
      const offered = found.has(key);
      found.set(key, { provider, model, offered, calls: Number(calls), lastCalledAt: last });
    }
    return [...found.values()]
      .filter(({ provider, model }) => !this.isPriced({ provider, model }))
      .sort((a, b) => b.calls - a.calls || (`${a.provider}/${a.model}` < `${b.provider}/${b.model}` ? -1 : 1));
  }

  private isPriced(target: TargetName): boolean {
    return this.book.find({ ...target, providerType: this.types.typeOf(target.provider) }) !== null;
  }

  private called(): Promise<CalledRow[]> {
    const since = new Date(this.clock.now() - LOOK_BACK_MS);
    return boundedQuery(this.database, (manager) =>
      manager.query<CalledRow[]>(
        `select provider, model, count(*) as calls, max(started_at) as last from usage_attempts
         where started_at >= $1 and price_source in ('estimate', 'free')
         group by provider, model order by calls desc limit ${MAX_CALLED}`,
        [since],
      ),
    );
  }
}
