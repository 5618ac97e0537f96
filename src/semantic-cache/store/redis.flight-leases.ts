import { randomUUID } from 'node:crypto';
import type { RedisClient } from '../../platform/redis/redis-client';
import { FlightLeases, type Lease } from './flight-leases';

/** Only the holder may touch it: after its end another may have it. KEYS: lease. ARGV: token, milliseconds (0 gives it back). */
const TOUCH_SCRIPT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

/** Leases in Redis: `SET NX PX`. */
export class RedisFlightLeases extends FlightLeases {
  constructor(
    private readonly client: RedisClient,
    private readonly name = 'gateway',
  ) {
    super();
  }

  override async take(id: string, milliseconds: number): Promise<Lease | null> {
    const key = `{${this.name}:cache}:f:${id}`;
    const token = randomUUID();
    const isTaken = (await this.client.set(key, token, 'PX', milliseconds, 'NX')) === 'OK';
    if (!isTaken) return null;
    const touch = async (value: number): Promise<void> => {
      await this.client.eval(TOUCH_SCRIPT, 1, key, token, value);
    };
    return { renew: (forMs) => touch(forMs), release: () => touch(0) };
  }
}
