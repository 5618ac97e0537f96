import http from 'node:http';
import { DataSource } from 'typeorm';
import { UsersService } from '../../src/access';
import { ConsoleClient } from '../browser/support/console-client';
import { ADMIN_KEY, startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

jest.setTimeout(180_000);

const PASSWORD = 'tundra ledger violin moss';
const HOSTS = `
server:
  trusted_proxies: [127.0.0.1]
  allowed_hosts: [127.0.0.1, Gateway.example.com]
`;

/** Node's fetch does not let a test choose the host. */
const statusAt = (url: string, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    http
      .get(url, { headers: { host, authorization: `Bearer ${ADMIN_KEY}` } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
      .once('error', reject);
  });

describe('sign-in', () => {
  let here: TestGateway;
  let there: TestGateway;
  let database: DataSource;
  let userId: string;
  const email = 'ada@example.com';

  const signedIn = async (): Promise<ConsoleClient> => {
    const client = new ConsoleClient(here.url);
    expect((await client.signIn(email, PASSWORD)).status).toBe(303);
    return client;
  };
  /** The same cookies at another replica. */
  const at = (gateway: TestGateway, client: ConsoleClient): ConsoleClient => {
    const other = new ConsoleClient(gateway.url);
    for (const [name, value] of client.cookies) other.cookies.set(name, value);
    return other;
  };

  beforeAll(async () => {
    const url = await createTestDatabase();
    here = await startGateway(HOSTS, { DATABASE_URL: url });
    there = await startGateway(HOSTS, { DATABASE_URL: url });
    database = here.app.get(DataSource);
    const made = await here.admin('POST', '/users', { email, name: 'Ada', role: 'admin', team_ids: [] });
    userId = (made.body as { id: string }).id;
    expect((await here.admin('POST', `/users/${userId}/password`, { password: PASSWORD })).status).toBe(204);
  });
  afterAll(async () => {
    await here?.close();
    await there?.close();
  });

  it('has cookies for this very host only, over https', async () => {
    const client = new ConsoleClient(here.url);
    const secure = { 'x-forwarded-proto': 'https', origin: here.url.replace('http:', 'https:') };
    const page = await client.get('/admin/sign-in', secure);
    const token = /name="_csrf"\s+value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    await client.post('/admin/sign-in', { email, password: PASSWORD }, { headers: secure, token });
    const line = client.lastSetCookies.find((each) => each.includes('gw_session')) ?? '';
    for (const part of [/^__Host-gw_session=/, /; Path=\/(;|$)/, /; Secure/i, /; HttpOnly/i, /; SameSite=Strict/i]) {
      expect(line).toMatch(part);
    }
    expect(line).not.toMatch(/domain=/i);
  });

  it('ends after 30 minutes without use, and after 12 hours in any case', async () => {
    const client = await signedIn();
    const backdate = async (field: string, minutes: number): Promise<number> => {
      await database.query(
        `update console_sessions set sess = jsonb_set(sess, array[$1], to_jsonb($2::bigint)) where user_id = $3`,
        [field, Date.now() - minutes * 60_000, userId],
      );
      return (await client.get('/admin/account')).status;
    };
    expect(await backdate('seenAtMs', 29)).toBe(200);
    expect(await backdate('seenAtMs', 31)).toBe(401);
    expect(await backdate('seenAtMs', 0)).toBe(200);
    expect(await backdate('startedAtMs', 12 * 60 - 1)).toBe(200);
    expect(await backdate('startedAtMs', 12 * 60 + 1)).toBe(401);
  });

  it('ends everywhere at once: signed out, disabled, with a new password', async () => {
    const ways: [string, (client: ConsoleClient) => Promise<unknown>][] = [
      ['signed out everywhere', (client) => client.post('/admin/sign-out-everywhere')],
      ['disabled', () => here.admin('PATCH', `/users/${userId}`, { disabled: true })],
      ['given a password', () => here.admin('POST', `/users/${userId}/password`, { password: PASSWORD })],
    ];
    let slowestMs = 0;
    for (const [, end] of ways) {
      const client = await signedIn();
      const elsewhere = at(there, await signedIn());
      expect((await elsewhere.get('/admin/account')).status).toBe(200);
      await end(client);
      const endedAt = performance.now();
      await until(async () => (await elsewhere.get('/admin/account')).status === 401);
      slowestMs = Math.max(slowestMs, performance.now() - endedAt);
      expect((await client.get('/admin/account')).status).toBe(401);
      await here.admin('PATCH', `/users/${userId}`, { disabled: false });
    }
    guarantee(
      'ADM-1',
      `__Host-, Secure, HttpOnly, SameSite=Strict; 30 min and 12 h; ended on another replica ${Math.round(slowestMs)} ms after it was told`,
    );
  });

  it('keeps passwords slow, and to itself', async () => {
    const [row] = await database.query<{ hash: string }[]>('select password_hash as hash from users where id = $1', [
      userId,
    ]);
    expect(row?.hash).toMatch(/^scrypt\$17\$8\$1\$/);
    const { body } = await here.admin('GET', '/users?limit=200');
    expect(JSON.stringify(body)).not.toMatch(/scrypt|password/);
    for (const field of ['password_hash', 'passwordHash', 'password']) {
      const change = await here.admin('PATCH', `/users/${userId}`, { [field]: row?.hash });
      expect(change).toMatchObject({ status: 400, body: { error: { param: field } } });
    }
    for (const password of ['short', 'P@ssw0rd2026!', 'ada-example-2026']) {
      const change = await here.admin('POST', `/users/${userId}/password`, { password });
      expect(change).toMatchObject({ status: 400, body: { error: { param: 'password' } } });
    }
    const { body: log } = await here.admin('GET', `/audit?target=${userId}&action=user.password`);
    expect(JSON.stringify(log)).not.toContain('tundra');
    // The same work for an account that does not exist; how long it takes is told, and fails no test.
    const users = here.app.get(UsersService);
    const times = { known: 0, unknown: 0 };
    for (const [name, address] of [
      ['known', email],
      ['unknown', 'nobody@example.com'],
    ] as const) {
      const began = performance.now();
      for (let index = 0; index < 3; index += 1) expect(await users.signIn(address, 'wrong')).toBeNull();
      times[name] = Math.round((performance.now() - began) / 3);
    }
    guarantee('ADM-2', `scrypt 2^17; a wrong guess takes ${times.known} ms, at an unknown account ${times.unknown} ms`);
  });

  it('answers to the host names that are allowed, and to no other', async () => {
    for (const host of ['127.0.0.1', 'gateway.example.com', 'GATEWAY.example.com:8443']) {
      expect(await statusAt(`${here.url}/api/v1/me`, host)).toBe(200);
      expect(await statusAt(`${here.url}/admin/sign-in`, host)).toBe(200);
    }
    for (const host of ['evil.example', 'gateway.example.com.evil.example', 'localhost', '[::1]']) {
      expect(await statusAt(`${here.url}/api/v1/me`, host)).toBe(421);
      expect(await statusAt(`${here.url}/admin/sign-in`, host)).toBe(421);
      expect(await statusAt(`${here.url}/health`, host)).toBe(200);
    }
  });
});
