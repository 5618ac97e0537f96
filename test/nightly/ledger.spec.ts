process.env['LEDGER_RUNS'] ??= '2000';

// The same histories as in the medium suite, more of them.
jest.setTimeout(60 * 60_000);
require('../medium/ledger.spec');
