import { Injectable } from '@nestjs/common';
import { ProviderRegistry, TargetPrices } from '../../providers';

/** Whether a budget can bound what a model costs. */
@Injectable()
export class JudgePrices {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly prices: TargetPrices,
  ) {}

  /** Whether every target of the name has a price. */
  isKnown(model: string): boolean {
    const targets = this.registry.targetsOf(model) ?? [];
    return targets.length > 0 && targets.every((target) => this.prices.costOf(target, 1, 1) !== null);
  }
}
