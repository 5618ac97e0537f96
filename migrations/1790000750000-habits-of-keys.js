const { rewriteFunction } = require('./steps/rewrite-function');

/**
 * What a key used to spend is read from the hourly sums: over the requests of a busy key it may take longer than the watch waits,
 * and then nobody is told.
 */
const SIGNATURE = 'key_spending_watch()';

const OF_REQUESTS = `select date_trunc('hour', u.started_at) as hour, sum(u.cost_nano_usd) as cost from usage_requests u
          where u.key_id = recent.key_id and u.started_at > now() - interval '14 days'
            and u.started_at <= now() - interval '1 hour' group by 1) hourly) habit`;

const OF_HOURS = `select u.starts_at as hour, sum(u.cost_nano_usd) as cost from usage_hours u
          where u.key_id = recent.key_id and u.starts_at > now() - interval '14 days'
            and u.starts_at <= now() - interval '2 hours' group by 1) hourly) habit`;

class HabitsOfKeys1790000750000 {
  name = 'HabitsOfKeys1790000750000';

  async up(queryRunner) {
    await queryRunner.query('create index ix_usage_hours_key_id on usage_hours (key_id, starts_at)');
    await rewriteFunction(queryRunner, SIGNATURE, OF_REQUESTS, OF_HOURS);
  }

  async down(queryRunner) {
    await rewriteFunction(queryRunner, SIGNATURE, OF_HOURS, OF_REQUESTS);
    await queryRunner.query('drop index ix_usage_hours_key_id');
  }
}

module.exports = { HabitsOfKeys1790000750000 };
