import { ArrayNotEmpty, IsIn, IsNumber, IsOptional, Max, Min } from 'class-validator';
import { Duration, Entries, ListOf, noEntries } from '../platform/config/fields';
import { AreNames, IsName } from '../platform/config/validators';

export const STRATEGIES = ['priority', 'weighted', 'least_latency', 'lowest_cost', 'least_busy'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** One place that can serve an alias. */
export class ModelTargetConfig {
  /**
   * Name of a configured provider.
   * @example openai
   */
  @IsName()
  provider!: string;

  /**
   * A model that this provider lists.
   * @example gpt-4o
   */
  @IsName()
  model!: string;

  /**
   * Share of the traffic under `strategy: weighted`, relative to the other targets. `0` gives it none but a fallback's. Default: 1.
   * @example 1
   */
  @IsOptional()
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1_000_000)
  weight?: number;
}

/** A name clients may ask for, beyond the models that providers list. */
export class ModelAliasConfig {
  /**
   * Which target is tried first. `priority`: in the order written; `weighted`: by chance, by weight; `least_latency`,
   * `lowest_cost`, `least_busy`: by what is measured or known at that moment.
   */
  @IsIn(STRATEGIES)
  strategy: Strategy = 'priority';

  /** Where the alias leads, at least one place. */
  @ArrayNotEmpty()
  @ListOf(() => ModelTargetConfig)
  targets: ModelTargetConfig[] = [];

  /**
   * After so long without a first piece of the answer the next target is asked as well; whoever begins first answers, the
   * other is stopped. Both are paid for. Absent: never.
   * @example 2s
   */
  @Duration()
  @IsOptional()
  @Min(1)
  @Max(600_000)
  hedge_after?: number;

  /**
   * Models or aliases tried in this order when every target has failed. May not lead back to the alias.
   * @example [gpt-4o-mini]
   */
  @IsOptional()
  @AreNames()
  fallbacks?: string[];
}

/** Model aliases by name. `provider/model` always names one target exactly, so an alias may not look like that. */
export class ModelsConfig {
  /**
   * The name is what clients send as `model`.
   * @example smart
   */
  @Entries(() => ModelAliasConfig)
  entries: Readonly<Record<string, ModelAliasConfig>> = noEntries();
}
