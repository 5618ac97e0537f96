process.env['FLEET_KILLS'] ??= '200';
process.env['FLEET_STOPS'] ??= '5';
process.env['FLEET_STOPPED_MS'] ??= '35000';

// The same three gateways as in the end-to-end suite: 200 kills, and five that are stopped for longer than a lease lasts.
require('../e2e/killed-gateways.spec');
