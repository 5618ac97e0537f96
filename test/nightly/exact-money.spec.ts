process.env['PRICE_RUNS'] ??= '1000000';

// The same properties as in the unit suite, a million cases of each cost.
jest.setTimeout(30 * 60_000);
require('../../src/billing/model-price.property.spec');
