/** Who a user is at an identity provider. The subject never changes there; an email address may. */
class UserIdentities1764004100000 {
  name = 'UserIdentities1764004100000';

  async up(queryRunner) {
    await queryRunner.query(`
      create table user_identities (
        issuer text not null,
        subject text not null,
        user_id text not null,
        created_at timestamptz not null default now(),
        constraint pk_user_identities primary key (issuer, subject),
        constraint uq_user_identities_user_id_issuer unique (user_id, issuer),
        constraint fk_user_identities_user_id foreign key (user_id) references users (id) on delete cascade
      )`);
  }

  async down(queryRunner) {
    await queryRunner.query('drop table user_identities');
  }
}

module.exports = { UserIdentities1764004100000 };
