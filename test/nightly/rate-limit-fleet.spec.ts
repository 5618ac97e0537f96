import { guarantee } from '../support/guarantee';
import { ENDINGS, endEveryWay } from '../support/limit-endings';
import { LimitLoad } from '../support/limit-load';
import { LimitedFleet } from '../support/limited-fleet';

jest.setTimeout(3_600_000);

const ROUNDS = Number(process.env['LIMIT_ROUNDS'] ?? 200);
const LOAD = { windowMs: 60_000, limit: 300, windows: Number(process.env['LIMIT_WINDOWS'] ?? 6), seed: 29 };

describe('three gateways on one Redis, in windows of a minute', () => {
  it('LIM-1 LIM-2 LIM-3 LIM-4: hold requests and tokens of any window, refuse little more and tell true waits', async () => {
    const fleet = await LimitedFleet.start({});
    try {
      const load = await LimitLoad.run(fleet, LOAD);
      load.report('three gateways, windows of a minute');
    } finally {
      await fleet.close();
    }
  });

  it('LIM-9: nothing stays reserved however a call ends', async () => {
    const fleet = await LimitedFleet.start({ key: 36_000_000 });
    try {
      await endEveryWay(fleet, ROUNDS);
      const ways = Object.keys(ENDINGS).length;
      guarantee('LIM-9', `three gateways, ${ways} ways for a call to end, ${ROUNDS} times each: nothing held at rest`);
    } finally {
      await fleet.close();
    }
  });
});
