import { IsIn, Max, Min } from 'class-validator';
import { Duration } from '../../platform/config/fields';

export const STORE_DOWN_POLICIES = ['local', 'deny'] as const;

/** What the request header `idempotency-key` does on inference routes. */
export class IdempotencyConfig {
  /** How long the answer to a key is kept. Without Redis it is kept in memory and forgotten by a restart. */
  @Duration()
  @Min(1_000)
  @Max(604_800_000)
  ttl = 86_400_000;

  /** How long a request waits for an earlier one with the same key that is still being answered; then it gets a 409. */
  @Duration()
  @Max(3_600_000)
  wait = 60_000;

  /**
   * When Redis does not answer: `local` goes on with the keys this replica has seen itself; `deny` answers requests that
   * carry a key with 503, so that none is ever charged twice.
   */
  @IsIn(STORE_DOWN_POLICIES)
  on_store_down: (typeof STORE_DOWN_POLICIES)[number] = 'local';
}
