const { rewriteFunction } = require('./steps/rewrite-function');

/**
 * A call belongs to the period in which it was reserved, and may have begun a moment later, in the next one: a correction
 * goes to a period that has spent what it takes back. Without this a re-rating failed when the next one had spent too little.
 */
const SIGNATURE = 'ledger_correct_budgets(text, jsonb, timestamptz, bigint)';

const BY_TIME = 'order by (p.starts_at <= p_started_at) desc,';
const BY_SPENT = `order by (p.spent_nano_usd + p.overrun_nano_usd + p_delta >= 0) desc, (p.starts_at <= p_started_at) desc,`;

class CorrectionsWhereSpent1790000740000 {
  name = 'CorrectionsWhereSpent1790000740000';

  up(queryRunner) {
    return rewriteFunction(queryRunner, SIGNATURE, BY_TIME, BY_SPENT);
  }

  down(queryRunner) {
    return rewriteFunction(queryRunner, SIGNATURE, BY_SPENT, BY_TIME);
  }
}

module.exports = { CorrectionsWhereSpent1790000740000 };
