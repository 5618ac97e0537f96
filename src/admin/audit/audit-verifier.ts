import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { hashOf, sealOf } from './audit-chain';
import { AuditLog } from './audit-log';
import { AUDIT_COLUMNS, entryOf, type AuditRow } from './audit-rows';

const BATCH = 1_000;
/** A log that was rewritten has a problem in every row; nobody reads them all. */
const MAX_PROBLEMS = 20;

export interface AuditVerdict {
  readonly entries: number;
  /** Of the last entry, in hex: keep it elsewhere, and a log that was cut back to an older state is found as well. */
  readonly head: string;
  /** Empty: every entry is as it was written, and none is missing. */
  readonly problems: readonly string[];
}

interface Head {
  readonly sequence: string;
  readonly hash: Buffer;
  readonly seal: Buffer;
}

interface State {
  /** Of the last entry that was read. */
  sequence: number;
  hash: Buffer;
  readonly problems: string[];
  isExpectedSeen: boolean;
}

/** Reads the whole log and finds every entry that was changed, removed, moved or added by other hands. */
@Injectable()
export class AuditVerifier {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly log: AuditLog,
  ) {}

  /** `expected` is the head of an earlier verification: it must still be in the chain. */
  verify(expected?: string): Promise<AuditVerdict> {
    // One state of the database, however long it takes and whoever writes meanwhile.
    return this.database.transaction('REPEATABLE READ', async (manager) => {
      const [head] = await manager.query<Head[]>('select sequence, hash, seal from audit_head');
      const state: State = { sequence: 0, hash: Buffer.alloc(0), problems: [], isExpectedSeen: false };
      await this.readAll(manager, state, expected);
      this.checkHead(head, state);
      if (expected !== undefined && !state.isExpectedSeen) {
        state.problems.push(`No entry has the expected hash ${expected}: the log was cut back or rewritten.`);
      }
      return { entries: state.sequence, head: state.hash.toString('hex'), problems: state.problems };
    });
  }

  private async readAll(manager: EntityManager, state: State, expected: string | undefined): Promise<void> {
    for (let last = Number.MIN_SAFE_INTEGER; ;) {
      const rows = await manager.query<AuditRow[]>(
        `select ${AUDIT_COLUMNS} from audit_log where sequence > $1 order by sequence limit ${BATCH}`,
        [last],
      );
      for (const row of rows) {
        this.checkEntry(row, state);
        if (row.hash.toString('hex') === expected) state.isExpectedSeen = true;
      }
      const end = rows.at(-1);
      if (!end || rows.length < BATCH) return;
      last = Number(end.sequence);
    }
  }

  private checkEntry(row: AuditRow, state: State): void {
    const entry = entryOf(row);
    const wanted = state.sequence + 1;
    if (entry.sequence !== wanted) {
      report(state, `Entries ${wanted} to ${entry.sequence - 1} are missing.`);
    } else if (!hashOf(this.log.key, state.hash, entry).equals(row.hash)) {
      report(state, `Entry ${entry.sequence} (${entry.id}) is not what was written, or the one before it is not.`);
    }
    // Going on with what stands there: one change is told of once.
    state.sequence = entry.sequence;
    state.hash = row.hash;
  }

  private checkHead(head: Head | undefined, state: State): void {
    if (!head) {
      report(state, 'The head of the log was removed.');
      return;
    }
    const sequence = Number(head.sequence);
    if (sequence === 0) report(state, 'The log is empty, which it never is once a gateway has started.');
    else if (!sealOf(this.log.key, sequence, head.hash).equals(head.seal)) {
      report(state, 'The head of the log is not what was written.');
    }
    if (sequence > state.sequence)
      report(state, `Entries ${state.sequence + 1} to ${sequence} are missing at the end.`);
    if (sequence < state.sequence || (sequence === state.sequence && !head.hash.equals(state.hash))) {
      report(state, 'The log does not end with the entry that was written last.');
    }
  }
}

function report(state: State, problem: string): void {
  if (state.problems.length < MAX_PROBLEMS) state.problems.push(problem);
}
