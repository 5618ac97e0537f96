import { IsOptional } from 'class-validator';
import { FixedAtBoot, Secret } from '../config/fields';
import { IsUrlOf } from '../config/validators';

/** PostgreSQL holds keys, budgets, the ledger and the audit trail. */
export class DatabaseConfig {
  /**
   * Address, for example `postgresql://user:password@localhost:5432/gateway`. `DATABASE_URL` overrides it. Absent: an
   * embedded PostgreSQL in the data directory. A change needs a restart.
   */
  @Secret()
  @FixedAtBoot()
  @IsOptional()
  @IsUrlOf(['postgres:', 'postgresql:'], 'postgresql://user:password@localhost:5432/gateway')
  url?: string;
}
