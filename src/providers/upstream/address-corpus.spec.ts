import dns from 'node:dns';
import { createServer, type Server } from 'node:net';
import { UpstreamError } from '../../core/errors';
import { UpstreamClient } from './upstream-client';

/** Addresses that lie inside, and every way to write them that a URL, a resolver or a careless check has been seen to take. */
const INSIDE_V4 = ['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '169.254.169.254', '0.0.0.0', '100.64.0.1'];
const INSIDE_V6 = ['::1', '::', 'fe80::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '2001:db8::1'];

const octetsOf = (address: string): number[] => address.split('.').map(Number);
const numberOf = (address: string): number => octetsOf(address).reduce((sum, octet) => sum * 256 + octet, 0);
const hex = (value: number): string => value.toString(16);
const fullWidth = (text: string): string =>
  [...text].map((digit) => String.fromCodePoint(digit === '.' ? 0xff0e : 0xff10 + Number(digit))).join('');
const groups = (address: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = octetsOf(address);
  return `${hex(a * 256 + b)}:${hex(c * 256 + d)}`;
};

function waysToWrite(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = octetsOf(address);
  const whole = numberOf(address);
  return [
    address,
    `${address}.`,
    String(whole),
    `0x${hex(whole)}`,
    `0X${hex(whole).toUpperCase()}`,
    `0${whole.toString(8)}`,
    `${a}.${b * 65_536 + c * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    [a, b, c, d].map((octet) => `0x${hex(octet)}`).join('.'),
    [a, b, c, d].map((octet) => `0${octet.toString(8)}`).join('.'),
    [a, b, c, d].map((octet) => `000${octet.toString(8)}`).join('.'),
    `0x${hex(a)}.${b}.0${c.toString(8)}.${d}`,
    `${a}.0x${hex(b * 65_536 + c * 256 + d)}`,
    fullWidth(address),
    address.replaceAll('.', '。'),
    address.replaceAll('.', '%2e'),
    `[::ffff:${address}]`,
    `[::ffff:${groups(address)}]`,
    `[0:0:0:0:0:ffff:${groups(address)}]`,
    `[::${address}]`,
    `[64:ff9b::${address}]`,
    `[64:ff9b:1::${groups(address)}]`,
    `[2002:${groups(address)}::]`,
    `[2001:0:${groups(address)}::]`,
    `user:password@${address}`,
    `example.com@${address}`,
  ];
}

const CORPUS = [
  ...INSIDE_V4.flatMap(waysToWrite),
  ...INSIDE_V6.map((address) => `[${address}]`),
  ...INSIDE_V6.map((address) => `[${address.toUpperCase()}]`),
  '[::1%25lo]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '127.1',
  '127.0.1',
  '0',
  '127.255.255.255',
  'localhost',
  'LOCALHOST.',
  'localhost.localdomain',
];

const TIMEOUTS = { connectMs: 500, firstByteMs: 500, idleMs: 500, totalMs: 1_000 };

describe('addresses that lie inside (SEC-7)', () => {
  let trap: Server;
  let trap6: Server;
  let port: number;
  let connections = 0;

  beforeAll(async () => {
    const count = (): void => void (connections += 1);
    trap = createServer((socket) => (count(), socket.destroy()));
    await new Promise<void>((resolve) => trap.listen(0, '0.0.0.0', resolve));
    ({ port } = trap.address() as { port: number });
    trap6 = createServer((socket) => (count(), socket.destroy()));
    await new Promise<void>((resolve) => {
      trap6.once('error', () => resolve());
      trap6.listen({ port, host: '::1', ipv6Only: true }, resolve);
    });
  });
  afterAll(() => {
    trap.close();
    trap6.close();
  });
  afterEach(() => jest.restoreAllMocks());

  /** Why a call did not go out; null when it did. */
  async function refusalOf(host: string): Promise<string | null> {
    const baseUrl = `http://${host}:${port}`;
    // What is no address at all is refused when the configuration is read.
    if (!URL.canParse(baseUrl)) return 'no_url';
    const client = new UpstreamClient({
      provider: 'p',
      baseUrl,
      allowPrivateNetwork: false,
      connectTimeoutMs: 500,
      maxConcurrency: 1,
    });
    try {
      const exchange = client.start({
        method: 'POST',
        url: `${baseUrl}/v1/chat/completions`,
        headers: {},
        body: '{}',
        signal: new AbortController().signal,
        timeouts: TIMEOUTS,
      });
      await exchange.head;
      return null;
    } catch (error) {
      return error instanceof UpstreamError ? error.reason : String(error);
    } finally {
      await client.close();
    }
  }

  it('are never connected to, however they are written', async () => {
    const refusals: Record<string, number> = {};
    for (const host of CORPUS) {
      const refusal = await refusalOf(host);
      expect({ host, isRefused: refusal !== null }).toEqual({ host, isRefused: true });
      refusals[refusal!] = (refusals[refusal!] ?? 0) + 1;
    }
    expect(connections).toBe(0);
    expect(CORPUS.length).toBeGreaterThan(180);
    // Most are seen through; a corpus of names that nobody can resolve would prove nothing.
    expect(refusals['blocked_address']).toBeGreaterThan(150);
  });

  it('are not reached by a name that changes its mind, nor by one good answer among bad ones', async () => {
    const answers = [['8.8.8.8', '127.0.0.1'], ['127.0.0.1'], ['::1'], ['169.254.169.254'], ['127.0.0.1', '8.8.8.8']];
    let asked = 0;
    jest.spyOn(dns, 'lookup').mockImplementation(((_: string, __: object, callback: (...all: unknown[]) => void) => {
      const given = answers[asked % answers.length]!;
      asked += 1;
      callback(
        null,
        given.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) as never);
    for (let turn = 0; turn < answers.length; turn += 1) {
      expect(await refusalOf('rebind.example.com')).toBe('blocked_address');
    }
    // Each connection asked once: what was checked is what would have been connected to.
    expect(asked).toBe(answers.length);
    expect(connections).toBe(0);
  });
});
