/** What team leads set by themselves, within what their teams were given. */
class TeamLeads1790000720000 {
  name = 'TeamLeads1790000720000';

  async up(queryRunner) {
    await queryRunner.query('alter table teams add column own_limits jsonb');
    await queryRunner.query('alter table budgets add column delegated boolean not null default false');
  }

  async down(queryRunner) {
    await queryRunner.query('alter table budgets drop column delegated');
    await queryRunner.query('alter table teams drop column own_limits');
  }
}

module.exports = { TeamLeads1790000720000 };
