/** A key that is switched off for a while. Whoever knows keys is told, as of every other change. */
class KeyState1790000700000 {
  name = 'KeyState1790000700000';

  async up(queryRunner) {
    await queryRunner.query('alter table api_keys add column disabled_at timestamptz');
    await announce(queryRunner, 'revoked_at, disabled_at');
  }

  async down(queryRunner) {
    await announce(queryRunner, 'revoked_at');
    await queryRunner.query('alter table api_keys drop column disabled_at');
  }
}

/** The trigger of migration 1764000000000, with these columns for its `revoked_at`. */
async function announce(queryRunner, columns) {
  await queryRunner.query('drop trigger api_keys_access_changed on api_keys');
  await queryRunner.query(`
    create trigger api_keys_access_changed
    after update of public_id, hmac, name, user_id, team_id, expires_at, ${columns}, limits, allowed_models, scopes,
      previous_public_id, previous_hmac, previous_expires_at or delete on api_keys
    for each statement execute function announce_access_change()`);
}

module.exports = { KeyState1790000700000 };
