process.env['USAGE_AWAY_MS'] ??= '300000';
process.env['USAGE_CALLS'] ??= '5000';

// The same three gateways as in the end-to-end suite, with a database that is away for five minutes.
require('../e2e/usage-records.spec');
