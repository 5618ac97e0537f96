import { UsersService } from '../../src/access';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';

jest.setTimeout(1_800_000);

const GUESSES = 60;
/** Beyond it the times of two kinds of guesses come from different distributions; of 1 in 100,000 comparisons of equal ones. */
const MAX_T = 4.5;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]): number => {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
};
/** Welch, for two samples whose spread may differ. */
const welch = (one: readonly number[], other: readonly number[]): number =>
  (mean(one) - mean(other)) / Math.sqrt(variance(one) / one.length + variance(other) / other.length);

describe('the time of a refused sign-in', () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway('# the defaults\n');
  });
  afterAll(() => gateway.close());

  it('does not tell whether there is such an account', async () => {
    const users = gateway.app.get(UsersService);
    const [admin] = (await users.list({ limit: 1, cursor: null })).items;
    const addresses = { known: admin?.email ?? '', unknown: 'nobody@localhost' };
    const times: Record<keyof typeof addresses, number[]> = { known: [], unknown: [] };
    await users.signIn(addresses.known, 'to warm up');
    for (let round = 0; round < GUESSES; round += 1) {
      // In turns, and each first as often as the other: what else the machine does falls on both alike.
      const order = round % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const);
      for (const kind of order) {
        const began = process.cpuUsage();
        expect(await users.signIn(addresses[kind], `wrong ${round}`)).toBeNull();
        const { user, system } = process.cpuUsage(began);
        times[kind].push((user + system) / 1000);
      }
    }
    const t = welch(times.known, times.unknown);
    expect(Math.abs(t)).toBeLessThan(MAX_T);
    guarantee(
      'ADM-2',
      `scrypt 2^17; ${GUESSES} wrong guesses each take ${mean(times.known).toFixed(0)} ms of CPU at a known account, ${mean(times.unknown).toFixed(0)} ms at an unknown one: |t| = ${Math.abs(t).toFixed(2)} < ${MAX_T}`,
    );
  });
});
