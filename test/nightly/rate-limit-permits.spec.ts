import { PermitSimulation } from '../../src/rate-limit/testing/permit-simulation';
import { guarantee } from '../support/guarantee';

const WORLDS = Number(process.env['PERMIT_SEEDS'] ?? 100_000);

jest.setTimeout(3_600_000);

describe('permits, in many worlds', () => {
  it('LIM-1: never let a window hold more than its limit', () => {
    const seed = Number(process.env['PERMIT_FIRST_SEED'] ?? Date.now() % 1_000_000_000);
    const excessive: number[] = [];
    let [calls, byPermit] = [0, 0];
    for (let world = 0; world < WORLDS; world += 1) {
      const windowMs = [1_000, 3_000, 777][world % 3]!;
      const told = new PermitSimulation({
        seed: seed + world,
        windowMs,
        windows: 2,
        countedAt: 'end',
        withPermits: true,
      }).run();
      calls += told.calls;
      byPermit += told.byPermit;
      if (told.most > told.limit) excessive.push(seed + world);
    }
    expect(excessive).toEqual([]);
    expect(byPermit).toBeGreaterThan(calls / 10);
    guarantee('LIM-1', `permits: ${WORLDS} worlds, ${calls} calls, ${byPermit} by permit, excess 0`, seed);
  });
});
