/**
 * Top-ups made at the same time did not see each other when the ceiling of their period was raised, and the budget could
 * then not be spent to its limit. The period is locked first; what is counted after that sees all that came before.
 */
const HEAD = 'create or replace function budget_raise_ceiling(p_budget text) returns void';

const RAISE = `
    update budget_periods p set enforced = b.hard,
      ceiling_nano_usd = greatest(p.ceiling_nano_usd, budget_allowed(p.budget_id, p.starts_at),
        p.spent_nano_usd + p.leased_nano_usd + p.unaccounted_nano_usd)
    from budgets b where b.id = p_budget and p.budget_id = p_budget and p.ends_at > clock_timestamp()`;

class CeilingOfTopUps1764100001000 {
  name = 'CeilingOfTopUps1764100001000';

  async up(queryRunner) {
    await queryRunner.query(`${HEAD} language plpgsql as $$
      begin
        perform 1 from budget_periods p where p.budget_id = p_budget and p.ends_at > clock_timestamp()
          order by p.starts_at for update;
        ${RAISE};
      end $$`);
    await queryRunner.query('select budget_raise_ceiling(id) from budgets where removed_at is null');
  }

  async down(queryRunner) {
    await queryRunner.query(`drop function budget_raise_ceiling(text)`);
    await queryRunner.query(`${HEAD} language sql as $$ ${RAISE} $$`);
  }
}

module.exports = { CeilingOfTopUps1764100001000 };
