/** Steps of a budget before it is used up, and how far the budgets that have some are. */
class BudgetLadder1764002200000 {
  name = 'BudgetLadder1764002200000';

  async up(queryRunner) {
    await queryRunner.query('alter table budgets add column degrade jsonb');
    await queryRunner.query(`
      create function budget_shares() returns table (id text, share double precision) language sql stable as $$
        select b.id, (p.spent_nano_usd + p.unaccounted_nano_usd + p.overrun_nano_usd)::double precision
          / budget_allowed(b.id, p.starts_at)
        from budgets b join budget_periods p on p.budget_id = b.id
        where b.degrade is not null and b.removed_at is null
          and p.starts_at <= clock_timestamp() and p.ends_at > clock_timestamp()
      $$`);
  }

  async down(queryRunner) {
    await queryRunner.query('drop function budget_shares()');
    await queryRunner.query('alter table budgets drop column degrade');
  }
}

module.exports = { BudgetLadder1764002200000 };
