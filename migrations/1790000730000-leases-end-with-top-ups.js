const { rewriteFunction } = require('./steps/rewrite-function');

/** A lease that was granted while a top-up counted ends with it: what is left of it is not spent afterwards. */
const SIGNATURE = 'budget_acquire(text, integer, text[], text[], bigint[], integer[], integer[], bigint[])';

const OF_PERIOD = `ends_in_ms := case when v_ends[i] = 'infinity' then null else extract(epoch from v_ends[i] - v_now) * 1000 end;`;

const OF_TOP_UPS = `ends_in_ms := (
          select case when first.at = 'infinity' then null else extract(epoch from first.at - v_now) * 1000 end
          from (select least(v_ends[i], min(t.expires_at)) as at from budget_top_ups t
            where t.budget_id = p_budgets[i] and t.period_starts_at = v_starts[i] and t.expires_at > v_now) as first);`;

class LeasesEndWithTopUps1790000730000 {
  name = 'LeasesEndWithTopUps1790000730000';

  up(queryRunner) {
    return rewriteFunction(queryRunner, SIGNATURE, OF_PERIOD, OF_TOP_UPS);
  }

  down(queryRunner) {
    return rewriteFunction(queryRunner, SIGNATURE, OF_TOP_UPS, OF_PERIOD);
  }
}

module.exports = { LeasesEndWithTopUps1790000730000 };
