/** Departments, teams, users and API keys. Whatever changes who may do what is announced on `access_changed`. */
class Access1764000000000 {
  name = 'Access1764000000000';

  async up(queryRunner) {
    await queryRunner.query(`
      create table departments (
        id text not null,
        name text not null,
        created_at timestamptz not null default now(),
        constraint pk_departments primary key (id),
        constraint uq_departments_name unique (name)
      )`);
    await queryRunner.query(`
      create table teams (
        id text not null,
        name text not null,
        department_id text not null,
        limits jsonb,
        allowed_models text[],
        created_at timestamptz not null default now(),
        constraint pk_teams primary key (id),
        constraint uq_teams_department_id_name unique (department_id, name),
        constraint fk_teams_department_id foreign key (department_id) references departments (id)
      )`);
    await queryRunner.query(`
      create table users (
        id text not null,
        email text not null,
        name text not null,
        role text not null,
        password_hash text,
        limits jsonb,
        allowed_models text[],
        disabled_at timestamptz,
        created_at timestamptz not null default now(),
        constraint pk_users primary key (id),
        constraint uq_users_email unique (email),
        constraint ck_users_role check (role in ('admin', 'auditor', 'team_lead', 'member'))
      )`);
    await queryRunner.query(`
      create table user_teams (
        user_id text not null,
        team_id text not null,
        constraint pk_user_teams primary key (user_id, team_id),
        constraint fk_user_teams_user_id foreign key (user_id) references users (id) on delete cascade,
        constraint fk_user_teams_team_id foreign key (team_id) references teams (id)
      )`);
    await queryRunner.query('create index ix_user_teams_team_id on user_teams (team_id)');
    await queryRunner.query(`
      create table api_keys (
        id text not null,
        public_id text not null,
        hmac bytea not null,
        name text not null,
        user_id text,
        team_id text not null,
        expires_at timestamptz,
        revoked_at timestamptz,
        limits jsonb,
        allowed_models text[],
        scopes text[] not null,
        previous_public_id text,
        previous_hmac bytea,
        previous_expires_at timestamptz,
        created_at timestamptz not null default now(),
        last_used_at timestamptz,
        constraint pk_api_keys primary key (id),
        constraint uq_api_keys_public_id unique (public_id),
        constraint uq_api_keys_previous_public_id unique (previous_public_id),
        constraint fk_api_keys_user_id foreign key (user_id) references users (id) on delete cascade,
        constraint fk_api_keys_team_id foreign key (team_id) references teams (id)
      )`);
    await queryRunner.query('create index ix_api_keys_user_id on api_keys (user_id)');
    await queryRunner.query('create index ix_api_keys_team_id on api_keys (team_id)');
    await queryRunner.query(`
      create function announce_access_change() returns trigger language plpgsql as $$
      begin
        perform pg_notify('access_changed', tg_table_name);
        return null;
      end $$`);
    for (const table of ['departments', 'teams', 'users']) {
      await queryRunner.query(`
        create trigger ${table}_access_changed after update or delete on ${table}
        for each statement execute function announce_access_change()`);
    }
    // last_used_at is not in the list: it changes all the time and decides nothing.
    await queryRunner.query(`
      create trigger api_keys_access_changed
      after update of public_id, hmac, name, user_id, team_id, expires_at, revoked_at, limits, allowed_models, scopes,
        previous_public_id, previous_hmac, previous_expires_at or delete on api_keys
      for each statement execute function announce_access_change()`);
  }

  async down(queryRunner) {
    for (const table of ['api_keys', 'user_teams', 'users', 'teams', 'departments']) {
      await queryRunner.query(`drop table ${table}`);
    }
    await queryRunner.query('drop function announce_access_change()');
  }
}

module.exports = { Access1764000000000 };
