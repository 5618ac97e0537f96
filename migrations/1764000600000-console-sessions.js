/** Sessions of the console. `user_id` is computed, so that all sessions of a person can be ended in one statement. */
class ConsoleSessions1764000600000 {
  name = 'ConsoleSessions1764000600000';

  async up(queryRunner) {
    await queryRunner.query(`
      create table console_sessions (
        sid text not null,
        sess jsonb not null,
        expire timestamptz not null,
        user_id text generated always as (sess ->> 'userId') stored,
        constraint pk_console_sessions primary key (sid)
      )`);
    await queryRunner.query('create index ix_console_sessions_expire on console_sessions (expire)');
    await queryRunner.query('create index ix_console_sessions_user_id on console_sessions (user_id)');
  }

  async down(queryRunner) {
    await queryRunner.query('drop table console_sessions');
  }
}

module.exports = { ConsoleSessions1764000600000 };
