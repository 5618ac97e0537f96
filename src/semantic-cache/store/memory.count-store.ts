import { addTo, CountStore, KEPT_HOURS, type NamedCounts } from './count.store';

/** For one replica. */
export class MemoryCountStore extends CountStore {
  override readonly isShared: boolean = false;
  private readonly hours = new Map<number, Map<string, Map<string, bigint>>>();

  override keep(hour: number, replica: string, counts: NamedCounts): Promise<void> {
    const replicas = this.hours.get(hour) ?? new Map<string, Map<string, bigint>>();
    replicas.set(replica, new Map([...(replicas.get(replica) ?? []), ...counts]));
    this.hours.set(hour, replicas);
    for (const old of this.hours.keys()) if (old <= hour - KEPT_HOURS - 1) this.hours.delete(old);
    return Promise.resolve();
  }

  override sum(from: number, to: number): Promise<NamedCounts> {
    const sums = new Map<string, bigint>();
    for (const [hour, replicas] of this.hours) {
      if (hour < from || hour > to) continue;
      for (const counts of replicas.values()) for (const [name, count] of counts) addTo(sums, name, count);
    }
    return Promise.resolve(sums);
  }
}
