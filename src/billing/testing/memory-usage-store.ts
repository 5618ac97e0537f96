import { BadRowError, UsageStore, type UsageRows } from '../store/usage-store';
import type { AttemptRow, RequestRow, RowJson } from '../usage-rows';

/** Keeps rows by id, as the database does. */
export class MemoryUsageStore extends UsageStore {
  readonly attempts = new Map<string, AttemptRow>();
  readonly requests = new Map<string, RequestRow>();
  /** While true every write fails, as when the database is away. */
  isAway = false;
  /** Rows that the store refuses. */
  isBad: (row: AttemptRow | RequestRow) => boolean = () => false;
  writes = 0;
  readonly closed: string[] = [];

  override async write(rows: UsageRows): Promise<void> {
    this.writes += 1;
    const attempts = this.read<AttemptRow>(rows.attempts.map(({ json }) => json));
    const requests = this.read<RequestRow>(rows.requests);
    for (const row of attempts) if (!this.attempts.has(row.id)) this.attempts.set(row.id, row);
    for (const row of requests) if (!this.requests.has(row.id)) this.requests.set(row.id, row);
  }

  override async writeInterrupted(requests: readonly string[]): Promise<void> {
    this.writes += 1;
    for (const row of this.read<RequestRow>(requests)) {
      if (this.requests.has(row.id)) continue;
      const costs = [...this.attempts.values()]
        .filter((attempt) => attempt.request_id === row.id)
        .map((attempt) => BigInt(attempt.cost_nano_usd));
      const cost = costs.reduce((sum, amount) => sum + amount, 0n);
      this.requests.set(row.id, { ...row, attempts: costs.length, cost_nano_usd: cost.toString() });
    }
  }

  override async closeInstance(instanceId: string): Promise<void> {
    this.closed.push(instanceId);
  }

  override async prepare(): Promise<void> {}

  private read<Row extends AttemptRow | RequestRow>(rows: readonly RowJson[]): Row[] {
    if (this.isAway) throw new Error('connect ECONNREFUSED');
    try {
      const read = JSON.parse(`[${rows.map(String).join(',')}]`) as Row[];
      if (!read.some((row) => this.isBad(row))) return read;
    } catch (error) {
      throw new BadRowError(error);
    }
    throw new BadRowError(new Error('value out of range'));
  }
}
