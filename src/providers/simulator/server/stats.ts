import type { JournalEntry } from './journal';

export interface PrefixStats {
  requests: number;
  streams: number;
  active: number;
  /** Answers by HTTP status; `0`: the connection ended first. */
  statuses: Record<string, number>;
  faults: number;
  closedByClient: number;
  inputTokens: number;
  outputTokens: number;
  bytesSent: number;
}

const MOST_PREFIXES = 100;

/** Counts for each virtual provider since the start or the last reset. */
export class Stats {
  private readonly prefixes = new Map<string, PrefixStats>();

  begin(prefix: string): void {
    const stats = this.of(prefix);
    stats.requests += 1;
    stats.active += 1;
  }

  end(prefix: string, entry: JournalEntry | null): void {
    const stats = this.of(prefix);
    stats.active = Math.max(0, stats.active - 1);
    if (entry === null) return;
    stats.streams += entry.stream ? 1 : 0;
    stats.statuses[entry.status] = (stats.statuses[entry.status] ?? 0) + 1;
    stats.faults += entry.fault === null ? 0 : 1;
    stats.closedByClient += entry.closedBy === 'client' ? 1 : 0;
    stats.inputTokens += entry.inputTokens;
    stats.outputTokens += entry.outputTokens;
    stats.bytesSent += entry.bytesSent;
  }

  snapshot(): Readonly<Record<string, PrefixStats>> {
    return Object.fromEntries([...this.prefixes].map(([prefix, stats]) => [prefix === '' ? '/' : prefix, stats]));
  }

  clear(): void {
    this.prefixes.clear();
  }

  private of(prefix: string): PrefixStats {
    const name = this.prefixes.has(prefix) || this.prefixes.size < MOST_PREFIXES ? prefix : '(others)';
    let stats = this.prefixes.get(name);
    if (stats === undefined) {
      stats = {
        requests: 0,
        streams: 0,
        active: 0,
        statuses: {},
        faults: 0,
        closedByClient: 0,
        inputTokens: 0,
        outputTokens: 0,
        bytesSent: 0,
      };
      this.prefixes.set(name, stats);
    }
    return stats;
  }
}
