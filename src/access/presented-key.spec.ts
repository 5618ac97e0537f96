import { presentedKey } from './presented-key';

describe('presentedKey', () => {
  it.each([
    [{}, undefined],
    [{ authorization: 'Bearer gw_1' }, 'gw_1'],
    [{ authorization: 'bearer   gw_1 ' }, 'gw_1'],
    [{ 'x-api-key': 'gw_2' }, 'gw_2'],
    [{ 'api-key': 'gw_3' }, 'gw_3'],
    [{ authorization: 'Bearer gw_1', 'x-api-key': 'gw_2' }, 'gw_1'],
    [{ authorization: 'Bearer sk-other', 'x-api-key': 'gw_2' }, 'gw_2'],
    [{ authorization: 'Bearer other', 'x-api-key': 'another' }, 'other'],
    [{ authorization: 'Basic Z3dfMQ==' }, undefined],
    [{ authorization: 'Bearer' }, undefined],
    [{ 'x-api-key': '' }, ''],
  ])('%j shows %s', (headers, expected) => {
    expect(presentedKey(headers)).toBe(expected);
  });
});
