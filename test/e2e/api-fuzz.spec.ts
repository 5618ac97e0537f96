import { fuzzManagementApi } from '../support/api-fuzz-run';

jest.setTimeout(240_000);

it('no call makes the management API fail, or answer otherwise than documented', async () => {
  await fuzzManagementApi(500, Date.now() % 2 ** 31);
});
