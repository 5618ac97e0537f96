process.env['KILL_ROUNDS'] ??= '200';
process.env['DATABASE_AWAY_MS'] ??= '300000';

// The same journal as in the medium suite: 200 kills, and a database that is away for five minutes.
require('../medium/billing-journal.spec');
