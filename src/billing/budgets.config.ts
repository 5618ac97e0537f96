import { IsBoolean, IsIn, IsNumber, IsOptional, Max, Min } from 'class-validator';
import { Decimal, Entries, noEntries, Section } from '../platform/config/fields';
import { AreFractions, AreNames, IsName, IsUsdAmount, IsZone } from '../platform/config/validators';

export const BUDGET_SCOPES = ['organization', 'department', 'team', 'user', 'key'] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];

export const BUDGET_PERIODS = ['hour', 'day', 'week', 'month', 'total'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** What changes before a budget is used up, by the share of the limit that is spent. What is left out never comes. */
export class DegradeConfig {
  /**
   * The trace of each request says so.
   * @example 0.7
   */
  @IsOptional()
  @IsNumber()
  @Min(0.01)
  @Max(10)
  warn_at?: number;

  /**
   * Chat calls are answered by `cheaper_model`.
   * @example 0.8
   */
  @IsOptional()
  @IsNumber()
  @Min(0.01)
  @Max(10)
  cheaper_at?: number;

  /**
   * A model that clients may ask for.
   * @example gpt-4o-mini
   */
  @IsOptional()
  @IsName()
  cheaper_model?: string;

  /**
   * Only answers from the cache are given; other calls are refused as by a budget that is used up.
   * @example 0.95
   */
  @IsOptional()
  @IsNumber()
  @Min(0.01)
  @Max(10)
  cache_only_at?: number;

  /**
   * Every call is refused, cached answers included.
   * @example 1
   */
  @IsOptional()
  @IsNumber()
  @Min(0.01)
  @Max(10)
  block_at?: number;
}

/** How much may be spent by whom in which time. */
export class BudgetConfig {
  /**
   * Whose spending counts.
   * @example organization
   */
  @IsIn(BUDGET_SCOPES)
  scope!: BudgetScope;

  /** The id of the department, team, user or key, for example `team_…`. Not for `organization`. */
  @IsOptional()
  @IsName()
  scope_id?: string;

  /**
   * The limit in USD, for example `250` or `"0.05"`.
   * @example 250
   */
  @Decimal()
  @IsUsdAmount()
  limit_usd!: string;

  /**
   * When spending starts again at zero; `total`: never.
   * @example month
   */
  @IsIn(BUDGET_PERIODS)
  period!: BudgetPeriod;

  /** IANA time zone in which days, weeks and months begin. */
  @IsZone()
  timezone = 'UTC';

  /** `true`: a call that could pass the limit is refused. `false`: the limit only alerts. */
  @IsBoolean()
  hard = true;

  /** Fractions of the limit at which a webhook tells. */
  @AreFractions()
  alerts: number[] = [0.5, 0.8, 1];

  /**
   * Count only calls for these models. Absent: all.
   * @example [gpt-4o]
   */
  @IsOptional()
  @AreNames()
  models?: string[];

  /** What changes before it is used up. Absent: nothing. */
  @IsOptional()
  @Section(() => DegradeConfig)
  degrade?: DegradeConfig;
}

/** Budgets by name, declared here or through the management API. */
export class BudgetsConfig {
  /**
   * The name is what refusals and alerts call it.
   * @example everyone
   */
  @Entries(() => BudgetConfig)
  entries: Readonly<Record<string, BudgetConfig>> = noEntries();
}
