import { IsBoolean, IsOptional } from 'class-validator';
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

  /**
   * The address is that of one node of a Redis Cluster; the others are found from it. All limits are in one hash slot, and so
   * are all cached answers. A change needs a restart.
   */
  @FixedAtBoot()
  @IsBoolean()
  cluster = false;
}
