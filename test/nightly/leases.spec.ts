process.env['LEASE_SEEDS'] ??= '1000000';
process.env['LEASE_FIRST_SEED'] ??= String(1 + (Date.now() % 1_000_000_000));

// The same worlds as in the unit suite, a million of them, from another seed each night.
require('../../src/billing/budgets/lease-simulation.property.spec');
