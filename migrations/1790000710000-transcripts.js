/** Prompts and answers of teams that keep them, encrypted; no team does until somebody switches it on. */
class Transcripts1790000710000 {
  name = 'Transcripts1790000710000';

  async up(queryRunner) {
    await queryRunner.query('alter table teams add column stores_content boolean not null default false');
    await queryRunner.query(`
      create table transcripts (
        request_id text not null,
        started_at timestamptz not null,
        team_id text not null,
        key_id text not null,
        sealed text not null,
        constraint pk_transcripts primary key (request_id)
      )`);
    // It is base64 of what is encrypted: trying to compress it costs time and saves nothing.
    await queryRunner.query('alter table transcripts alter column sealed set storage external');
    await queryRunner.query('create index ix_transcripts_started_at on transcripts (started_at)');
  }

  async down(queryRunner) {
    await queryRunner.query('drop table transcripts');
    await queryRunner.query('alter table teams drop column stores_content');
  }
}

module.exports = { Transcripts1790000710000 };
