process.env['PATH_CALLS'] ??= '200';

// The same three gateways as in the end-to-end suite, 200 calls on each path that a call can end on.
require('../e2e/budgets.spec');
