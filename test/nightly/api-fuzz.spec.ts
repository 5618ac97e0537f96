import { fuzzManagementApi } from '../support/api-fuzz-run';

jest.setTimeout(3_600_000);

it('no call of many makes the management API fail, or answer otherwise than documented', async () => {
  await fuzzManagementApi(100_000, Date.now() % 2 ** 31);
});
