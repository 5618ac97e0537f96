/** Limits of a department, as teams, users and keys have them. */
class DepartmentLimits1764300000000 {
  name = 'DepartmentLimits1764300000000';

  async up(queryRunner) {
    await queryRunner.query('alter table departments add column limits jsonb');
  }

  async down(queryRunner) {
    await queryRunner.query('alter table departments drop column limits');
  }
}

module.exports = { DepartmentLimits1764300000000 };
