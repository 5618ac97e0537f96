import { interruptedRow } from '../build-rows';
import type { AskedColumns, AttemptRow, AttemptText, RowJson } from '../usage-rows';
import type { JournalEntry } from './ship-records';

/** What a journal has begun and not ended: read to its end, that is what its process died over. */
export class Unfinished {
  private readonly attempts = new Map<string, AttemptText>();
  /** The JSON of each row. */
  private readonly requests = new Map<string, string>();

  follow(entry: JournalEntry): void {
    const row = rowOf(entry.kind === 'request' ? entry.request : entry.attempt.json);
    if (!row) return;
    if (entry.kind === 'settle') this.attempts.delete(row.id);
    else if (entry.kind === 'request') this.requests.delete(row.id);
    else {
      const { json, booking } = entry.attempt;
      // A copy: the bytes are overwritten by the next read.
      this.attempts.set(row.id, { json: json.toString(), booking });
      const asked = rowOf<AskedColumns>(entry.asked);
      if (asked) this.requests.set(row.request_id, JSON.stringify(interruptedRow(row, asked)));
    }
  }

  /** Takes the attempts beyond `keep` out, oldest first: in doubt, at their reservation. */
  takeAttempts(keep: number): AttemptText[] {
    return oldest(this.attempts, keep);
  }

  /** Takes the requests beyond `keep` out, oldest first. */
  takeRequests(keep: number): string[] {
    return oldest(this.requests, keep);
  }
}

/** null: what is no JSON was put aside when it was to be stored. */
function rowOf<Row = AttemptRow>(json: RowJson): Row | null {
  try {
    return JSON.parse(json.toString()) as Row;
  } catch {
    return null;
  }
}

function oldest<T>(map: Map<string, T>, keep: number): T[] {
  const taken: T[] = [];
  for (const [id, value] of map) {
    if (map.size <= keep) break;
    taken.push(value);
    map.delete(id);
  }
  return taken;
}
