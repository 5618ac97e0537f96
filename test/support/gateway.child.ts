import { arm, type Failpoint } from './failpoints';

/** A whole gateway in a process of its own, which may be told where to die: `TEST_FAILPOINT=after-settle,40`. */
const [point, hits = '1'] = (process.env['TEST_FAILPOINT'] ?? '').split(',');
if (point) arm(point as Failpoint, Number(hits));
require('../../src/main');
