import type { RedisClient } from '../../platform/redis/redis-client';
import { addTo, CountStore, HOUR_MS, KEPT_HOURS, type NamedCounts } from './count.store';

/** Hours that are read in one go. */
const PAGE = 24;

/** A hash for each hour, whose fields are a replica and what it has counted: written as totals, so that nothing counts twice. */
export class RedisCountStore extends CountStore {
  override readonly isShared = true;

  constructor(
    private readonly client: RedisClient,
    private readonly name = 'gateway',
  ) {
    super();
  }

  override async keep(hour: number, replica: string, counts: NamedCounts): Promise<void> {
    if (counts.size === 0) return;
    const fields = [...counts].flatMap(([name, count]) => [`${replica} ${name}`, count.toString()]);
    const key = this.keyOf(hour);
    const results = await this.client
      .multi()
      .hset(key, ...fields)
      .pexpireat(key, (hour + KEPT_HOURS + 2) * HOUR_MS)
      .exec();
    for (const [error] of results ?? []) if (error) throw error;
  }

  override async sum(from: number, to: number): Promise<NamedCounts> {
    const sums = new Map<string, bigint>();
    for (let first = from; first <= to; first += PAGE) {
      const hours = Array.from({ length: Math.min(PAGE, to - first + 1) }, (_, place) => first + place);
      const found = await Promise.all(hours.map((hour) => this.client.hgetall(this.keyOf(hour))));
      for (const fields of found) {
        for (const [field, count] of Object.entries(fields)) {
          addTo(sums, field.slice(field.indexOf(' ') + 1), BigInt(count));
        }
      }
    }
    return sums;
  }

  private keyOf(hour: number): string {
    return `{${this.name}:cache}:n:${hour}`;
  }
}
