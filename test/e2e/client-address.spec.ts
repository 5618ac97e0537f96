import { guarantee } from '../support/guarantee';
import { startGateway, ADMIN_KEY, type TestGateway } from '../support/gateway';

jest.setTimeout(120_000);

const yaml = (server: string): string =>
  `server: ${server}\nproviders: { sim: { type: simulator, models: [gpt-4o-mini] } }\n`;

/** Every header in which proxies name the client. */
const SPOOFS = [
  'x-forwarded-for',
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'forwarded-for',
  'x-original-forwarded-for',
] as const;

const JUNK = [
  'unknown',
  'localhost',
  '1.2.3.4.5',
  "'; drop table audit_log; --",
  '<b>x</b>',
  ',,,',
  '::ffff:',
  '300.1.1.1:80',
];

/** A change, made as whoever these headers claim to be; returns the address that the audit trail has for it. */
async function addressFor(gateway: TestGateway, headers: Record<string, string>): Promise<string | null> {
  const name = `Team of ${JSON.stringify(headers)}`.slice(0, 100);
  const made = await fetch(`${gateway.url}/api/v1/departments`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  expect(made.status).toBe(201);
  const { id } = (await made.json()) as { id: string };
  const { body } = await gateway.admin('GET', '/audit?limit=1');
  const [entry] = (body as { data: { target: { id: string }; actor: { address: string | null } }[] }).data;
  expect(entry?.target.id).toBe(id);
  return entry?.actor.address ?? null;
}

const remaining = async (gateway: TestGateway, forwardedFor: string): Promise<number> => {
  const response = await fetch(`${gateway.url}/api/v1/teams`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-forwarded-for': forwardedFor },
  });
  expect(response.status).toBe(200);
  return Number(response.headers.get('x-ratelimit-remaining'));
};

describe('the address of the client', () => {
  let direct: TestGateway;
  let behindProxy: TestGateway;

  beforeAll(async () => {
    direct = await startGateway(yaml('{ allowed_hosts: [127.0.0.1] }'));
    behindProxy = await startGateway(yaml('{ trusted_proxies: [127.0.0.1, 10.0.0.0/8] }'));
  });
  afterAll(async () => {
    await direct.close();
    await behindProxy.close();
  });

  it('is the connection’s, whatever a caller says, when no proxy is trusted', async () => {
    const spoofed: (string | null)[] = [];
    for (const header of SPOOFS) {
      const value = header === 'forwarded' ? 'for=203.0.113.9;host=evil.example;proto=https' : '203.0.113.9';
      spoofed.push(await addressFor(direct, { [header]: value }));
    }
    expect(new Set(spoofed)).toEqual(new Set(['127.0.0.1']));
    // A guesser gains no second count by another claim.
    const first = await remaining(direct, '203.0.113.1');
    expect(await remaining(direct, '203.0.113.2')).toBe(first - 1);
    expect(await remaining(direct, '203.0.113.3, 127.0.0.1')).toBe(first - 2);
  });

  it('takes no host name and no scheme from a caller either', async () => {
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${direct.url}/admin/sign-in`, { headers, redirect: 'manual' });
    expect((await ask({ 'x-forwarded-host': 'evil.example' })).status).toBe(200);
    const claimed = await ask({ 'x-forwarded-proto': 'https' });
    // A cookie of an encrypted page would mean that the claim was believed.
    expect(claimed.headers.getSetCookie().length).toBeGreaterThan(0);
    expect(claimed.headers.getSetCookie().join()).not.toMatch(/secure/i);
  });

  it('is the last one that no trusted proxy has, behind proxies that are', async () => {
    expect(await addressFor(behindProxy, { 'x-forwarded-for': '203.0.113.9' })).toBe('203.0.113.9');
    expect(await addressFor(behindProxy, { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' })).toBe('203.0.113.9');
    expect(await addressFor(behindProxy, { 'x-forwarded-for': '198.51.100.1, 203.0.113.9, 10.1.2.3' })).toBe(
      '203.0.113.9',
    );
    // Some proxies name the port as well.
    expect(await addressFor(behindProxy, { 'x-forwarded-for': '203.0.113.9:51000' })).toBe('203.0.113.9');
    expect(await addressFor(behindProxy, { 'x-forwarded-for': '[2001:db8::9]:51000' })).toBe('2001:db8::9');
    expect(await addressFor(behindProxy, { 'x-real-ip': '203.0.113.9' })).toBe('127.0.0.1');
    const mine = await remaining(behindProxy, '203.0.113.77');
    expect(await remaining(behindProxy, '203.0.113.78')).toBe(mine);
    expect(await remaining(behindProxy, '198.51.100.1, 203.0.113.77')).toBe(mine - 1);
  });

  it('is no junk that a trusted proxy lets through, and no failure', async () => {
    for (const junk of JUNK) {
      const address = await addressFor(behindProxy, { 'x-forwarded-for': junk });
      expect([junk, address]).toEqual([junk, '127.0.0.1']);
    }
    guarantee(
      'HTTP-3',
      `${SPOOFS.length} headers spoofed: 0 believed; behind a trusted proxy the last address it names; ${JUNK.length} of ${JUNK.length} junk values ignored`,
    );
  });
});
