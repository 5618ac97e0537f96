/**
 * The audit log: a row for each change, each bound to the one before by a keyed hash. `audit_head` names the last row, so
 * that a row missing at the end is found too; its lock is what puts writers in line.
 */
class Audit1764004000000 {
  name = 'Audit1764004000000';

  async up(queryRunner) {
    await queryRunner.query(`
      create table audit_log (
        sequence bigint not null,
        id text not null,
        at timestamptz(3) not null,
        actor_kind text not null,
        actor_id text,
        actor_label text not null,
        address text,
        action text not null,
        target_type text not null,
        target_id text,
        target_label text,
        before jsonb,
        after jsonb,
        hash bytea not null,
        constraint pk_audit_log primary key (sequence),
        constraint uq_audit_log_id unique (id)
      )`);
    await queryRunner.query('create index ix_audit_log_at on audit_log (at)');
    await queryRunner.query('create index ix_audit_log_target_id on audit_log (target_id, sequence)');
    await queryRunner.query('create index ix_audit_log_actor_id on audit_log (actor_id, sequence)');
    await queryRunner.query('create index ix_audit_log_action on audit_log (action, sequence)');
    await queryRunner.query(`
      create table audit_head (
        one boolean not null default true,
        sequence bigint not null,
        hash bytea not null,
        seal bytea not null,
        constraint pk_audit_head primary key (one),
        constraint ck_audit_head_one check (one)
      )`);
    await queryRunner.query(`insert into audit_head (sequence, hash, seal) values (0, '', '')`);
    await queryRunner.query(`
      create function refuse_audit_change() returns trigger language plpgsql as $$
      begin
        raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
      end $$`);
    await queryRunner.query(`
      create trigger audit_log_append_only before update or delete or truncate on audit_log
      for each statement execute function refuse_audit_change()`);
    await queryRunner.query(`
      create trigger audit_head_stays before delete or truncate on audit_head
      for each statement execute function refuse_audit_change()`);
  }

  async down(queryRunner) {
    await queryRunner.query('drop table audit_head');
    await queryRunner.query('drop table audit_log');
    await queryRunner.query('drop function refuse_audit_change()');
  }
}

module.exports = { Audit1764004000000 };
