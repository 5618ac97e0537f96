import { IsOptional } from 'class-validator';
import { FixedAtBoot, Secret } from '../config/fields';
import { IsUrlOf } from '../config/validators';

/** Redis holds the windows of the limits and the cached answers for all replicas. */
export class RedisConfig {
  /**
   * Address, for example `redis://localhost:6379` or `rediss://user:password@host:6380/0`. `REDIS_URL` overrides it. Absent:
   * in-process stores, which serve one replica only. A change needs a restart.
   */
  @Secret()
  @FixedAtBoot()
  @IsOptional()
  @IsUrlOf(['redis:', 'rediss:'], 'redis://localhost:6379')
  url?: string;
}
