import dns from 'node:dns';
import { BlockedAddressError, guardedLookup, isBlockedAddress } from './address-guard';

describe('isBlockedAddress', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '192.0.2.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '[::1]',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'ff02::1',
    '::7f00:1',
    'not an address',
    '2130706433',
    '0x7f000001',
  ])('%s is blocked', (address) => expect(isBlockedAddress(address)).toBe(true));

  it.each(['8.8.8.8', '104.18.7.192', '172.32.0.1', '2606:4700::6812:7c0', '[2a00:1450:4001::200e]'])(
    '%s is public',
    (address) => expect(isBlockedAddress(address)).toBe(false),
  );
});

describe('guardedLookup', () => {
  const lookup = (hostname: string, all: boolean) =>
    new Promise<unknown>((resolve, reject) =>
      guardedLookup(hostname, { all }, (error, address) => (error ? reject(error) : resolve(address))),
    );
  const answer = (...addresses: string[]) =>
    jest.spyOn(dns, 'lookup').mockImplementation(((_: string, __: object, callback: (...all: unknown[]) => void) => {
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) as never);
  afterEach(() => jest.restoreAllMocks());

  it('hands over the address it checked', async () => {
    answer('8.8.8.8', '2606:4700::1');
    await expect(lookup('api.example.com', false)).resolves.toBe('8.8.8.8');
    await expect(lookup('api.example.com', true)).resolves.toHaveLength(2);
  });

  it('refuses a name of which one answer is private', async () => {
    answer('8.8.8.8', '169.254.169.254');
    await expect(lookup('rebind.example.com', true)).rejects.toThrow(BlockedAddressError);
  });

  it('refuses a name without an address', async () => {
    answer();
    await expect(lookup('nothing.example.com', false)).rejects.toThrow(BlockedAddressError);
  });
});
