import type { RedisClient } from '../../platform/redis/redis-client';
import type { Lease } from './flight-lease';

/** Only the holder may touch it: after its end another may have it. KEYS: lease. ARGV: token, milliseconds (0 gives it back). */
const TOUCH_SCRIPT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

/** A lease in Redis: whoever has put his token there holds it. */
export class RedisFlightLease implements Lease {
  constructor(
    private readonly client: RedisClient,
    private readonly key: string,
    private readonly token: string,
  ) {}

  renew(milliseconds: number): Promise<void> {
    return this.touch(milliseconds);
  }

  release(): Promise<void> {
    return this.touch(0);
  }

  private async touch(milliseconds: number): Promise<void> {
    await this.client.eval(TOUCH_SCRIPT, 1, this.key, this.token, milliseconds);
  }
}
