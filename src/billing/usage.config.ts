import { IsInt, Max, Min } from 'class-validator';
import { Section } from '../platform/config/fields';

const MAX_MONTHS = 1_200;

/** How long usage is kept, in whole months before the present one. 0: for ever. */
export class UsageRetentionConfig {
  /** Rows of requests and attempts: the console's list, traces, and reports by label. Their sums stay. */
  @IsInt()
  @Min(0)
  @Max(MAX_MONTHS)
  rows_months = 13;

  /** Hourly sums. Daily sums are kept for ever. */
  @IsInt()
  @Min(0)
  @Max(MAX_MONTHS)
  hours_months = 25;

  /** Postings of the ledger. Older ones are carried over as the balance of each account. */
  @IsInt()
  @Min(0)
  @Max(MAX_MONTHS)
  ledger_months = 25;
}

/** The record of what was used. */
export class UsageConfig {
  /** How long it is kept. */
  @Section(() => UsageRetentionConfig)
  retention: UsageRetentionConfig = new UsageRetentionConfig();
}
