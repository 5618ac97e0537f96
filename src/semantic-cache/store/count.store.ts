/** Counts by name. */
export type NamedCounts = ReadonlyMap<string, bigint>;

export const HOUR_MS = 3_600_000;
/** For how long counts are kept. */
export const KEPT_HOURS = 168;

/** What every replica has counted in each hour. Rejects when the store is away. */
export abstract class CountStore {
  /** Whether it has the counts of other replicas. */
  abstract readonly isShared: boolean;

  /** What one replica has counted in an hour so far, in place of what it said before: to say it twice changes nothing. */
  abstract keep(hour: number, replica: string, counts: NamedCounts): Promise<void>;

  /** The sums over all replicas, from one hour to another, both included. */
  abstract sum(from: number, to: number): Promise<NamedCounts>;
}

export function addTo(sums: Map<string, bigint>, name: string, count: bigint): void {
  sums.set(name, (sums.get(name) ?? 0n) + count);
}
