import type { DataSource } from 'typeorm';
import { LEDGER_CHECKS } from './ledger-checks';

/** More would only scroll the first ones away. */
const MAX_DIFFERENCES = 20;

/** A balance that is not what it must be. Amounts are nano-dollars (or counts) as decimal text. */
export interface LedgerDifference {
  readonly what: string;
  readonly booked: string;
  readonly found: string;
}

export interface LedgerFinding {
  readonly claim: string;
  /** Empty: it holds. At most twenty. */
  readonly differences: readonly LedgerDifference[];
}

/** Holds the books against each other: postings, cached balances, leases, usage rows and roll-ups, at one moment. */
export async function verifyLedger(database: DataSource): Promise<LedgerFinding[]> {
  return database.transaction('REPEATABLE READ', async (manager) => {
    // Reads everything there is; how long that takes is the caller's business.
    await manager.query('set transaction read only');
    await manager.query('set local statement_timeout = 0');
    const findings: LedgerFinding[] = [];
    for (const { claim, sql } of LEDGER_CHECKS) {
      const differences = await manager.query<LedgerDifference[]>(
        `select what::text, booked::text, found::text from (${sql}) as difference limit ${MAX_DIFFERENCES}`,
      );
      findings.push({ claim, differences });
    }
    return findings;
  });
}

/** What a person reads. */
export function ledgerReport(findings: readonly LedgerFinding[]): string {
  const lines = findings.flatMap(({ claim, differences }) => [
    `${differences.length === 0 ? 'ok   ' : 'WRONG'} ${claim}`,
    ...differences.map(({ what, booked, found }) => `        ${what}: booked ${booked}, found ${found}`),
  ]);
  const wrong = findings.filter(({ differences }) => differences.length > 0).length;
  const verdict =
    wrong === 0
      ? 'The ledger balances.'
      : `The ledger does not balance: ${wrong} of ${findings.length} claims are wrong. Keep a copy of the database before anything else; amounts are nano-dollars.`;
  return [...lines, verdict, ''].join('\n');
}
