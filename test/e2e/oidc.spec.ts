import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import http from 'node:http';
import { ConsoleClient } from '../browser/support/console-client';
import { startGateway, type TestGateway } from '../support/gateway';

jest.setTimeout(120_000);

const GROUPS = { ada: ['ai-admins', 'staff'], alan: ['leads'], bob: ['elsewhere'], 'ada#2': ['staff'], eve: ['staff'] };

/** A browser at the identity provider: follows redirects, keeps cookies by host, fills the provider's own forms. */
class Traveller {
  private readonly jars = new Map<string, Map<string, string>>();

  async send(url: string, body?: URLSearchParams): Promise<Response> {
    const { host } = new URL(url);
    const jar = this.jars.get(host) ?? new Map<string, string>();
    this.jars.set(host, jar);
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body ? { method: 'POST', body } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }

  /** Signs in as `who` and stops before the first address that begins with `until`. */
  async signIn(start: string, who: string, until: string): Promise<string> {
    let url = start;
    for (let step = 0; step < 15; step += 1) {
      let response = await this.send(url);
      if (!response.headers.has('location')) {
        const html = await response.text();
        const action = /action="([^"]+)"/.exec(html)?.[1] ?? '';
        const isLogin = html.includes('name="login"');
        const form = isLogin ? { prompt: 'login', login: who, password: 'x' } : { prompt: 'consent' };
        response = await this.send(new URL(action, url).href, new URLSearchParams(form));
      }
      url = new URL(response.headers.get('location') ?? '', url).href;
      if (url.startsWith(until)) return url;
    }
    throw new Error(`the identity provider never came back: ${url}`);
  }
}

describe('sign-in at an identity provider', () => {
  let provider: ChildProcess;
  let issuer: string;
  let gateway: TestGateway;
  let teamId: string;

  beforeAll(async () => {
    // The provider must know the callback, and the gateway the provider: the port is chosen first.
    const port = await freePort();
    const callback = `http://127.0.0.1:${port}/admin/sign-in/oidc/callback`;
    provider = spawn(process.execPath, [path.join(__dirname, '../support/oidc-provider.mjs'), callback], {
      env: { PATH: process.env['PATH'], GROUPS: JSON.stringify(GROUPS), UNVERIFIED: 'eve' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line] = (await once(provider.stdout!, 'data')) as [Buffer];
    issuer = /http:\S+/.exec(line.toString())?.[0] ?? '';
    gateway = await startGateway(
      `
sign_in:
  oidc:
    issuer: ${issuer}
    allow_insecure_issuer: true
    client_id: gateway
    client_secret: a-secret-of-the-client
    redirect_url: ${callback}
    allowed_domains: [example.com]
    groups:
      ai-admins: { role: admin }
      leads: { role: team_lead }
      staff: { role: member }
`,
    );
    const department = (await gateway.admin('POST', '/departments', { name: 'R' })).body as { id: string };
    const team = await gateway.admin('POST', '/teams', { name: 't', department_id: department.id });
    teamId = (team.body as { id: string }).id;
  });
  afterAll(async () => {
    await gateway?.close();
    provider?.kill();
  });

  /** From the sign-in page to the page after the callback; the callback's port is the gateway's in this test. */
  async function signIn(who: string, change = (callback: URL): URL => callback) {
    const traveller = new Traveller();
    const begun = await traveller.send(`${gateway.url}/admin/sign-in/oidc?next=%2Fadmin%2Fkeys`);
    expect(begun.status).toBe(303);
    const address = begun.headers.get('location') ?? '';
    expect(begun.headers.getSetCookie().join()).toMatch(/gw_oidc=.*HttpOnly.*SameSite=Lax/);
    const came = new URL(await traveller.signIn(address, who, `http://127.0.0.1:${portOf(address)}/admin`));
    const back = change(new URL(came.pathname + came.search, gateway.url));
    const answer = await traveller.send(back.href);
    const session = /gw_session=([^;]+)/.exec(answer.headers.getSetCookie().join('\n'))?.[1];
    const client = new ConsoleClient(gateway.url);
    if (session !== undefined) client.cookies.set('gw_session', session);
    return { answer, text: await answer.text(), client, address: new URL(address), back, traveller };
  }
  const portOf = (address: string): string => new URL(new URL(address).searchParams.get('redirect_uri') ?? '').port;
  const people = async (): Promise<Record<string, { role: string; name: string; team_ids: string[]; id: string }>> => {
    const { body } = await gateway.admin('GET', '/users?limit=200');
    const { data } = body as { data: { email: string; role: string; name: string; team_ids: string[]; id: string }[] };
    return Object.fromEntries(data.map((user) => [user.email, user]));
  };

  it('offers it on the sign-in page', async () => {
    const { text } = await new ConsoleClient(gateway.url).get('/admin/sign-in');
    expect(text).toContain('Sign in with your company account');
  });

  it('sends people there with a code challenge, a state and a nonce, and makes them an account when they come back', async () => {
    const { answer, text, client, address } = await signIn('ada');
    expect(address.searchParams.get('code_challenge_method')).toBe('S256');
    for (const name of ['code_challenge', 'state', 'nonce']) {
      expect(address.searchParams.get(name)?.length).toBeGreaterThan(20);
    }
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie().join('\n')).toMatch(/gw_session=.*HttpOnly.*SameSite=Strict/);
    expect(text).toContain('href="/admin/keys"');
    expect((await client.get('/admin/settings')).status).toBe(200);
    expect((await people())['ada@example.com']).toMatchObject({ role: 'admin', name: 'Company ada' });
    const { body } = await gateway.admin('GET', '/audit?action=user.sign_in');
    expect((body as { data: object[] }).data).toHaveLength(1);
  });

  it('gives the role of the group, each time anew, and keeps the teams that were given here', async () => {
    const made = await gateway.admin('POST', '/users', {
      email: 'alan@example.com',
      name: 'Alan',
      role: 'admin',
      team_ids: [teamId],
    });
    expect(made.status).toBe(201);
    const { client } = await signIn('alan');
    expect((await people())['alan@example.com']).toMatchObject({ role: 'team_lead', name: 'Alan', team_ids: [teamId] });
    expect((await client.get('/admin/settings')).status).toBe(403);
  });

  it.each([
    ['who is in no group', 'bob', 'None of your groups'],
    ['whose address is not verified', 'eve', 'has not verified'],
    ['to whom the address of somebody else was given', 'ada#2', 'You have no account here'],
  ])('lets nobody in %s', async (_, who, message) => {
    const { answer, text, client } = await signIn(who);
    expect(answer.status).toBe(403);
    expect(text).toContain(message);
    expect((await client.get('/admin')).status).toBe(401);
  });

  it('lets nobody in whose account is disabled', async () => {
    const { id = '' } = (await people())['ada@example.com'] ?? {};
    await gateway.admin('PATCH', `/users/${id}`, { disabled: true });
    expect((await signIn('ada')).answer.status).toBe(403);
    await gateway.admin('PATCH', `/users/${id}`, { disabled: false });
  });

  const changed =
    (name: string, value: string) =>
    (callback: URL): URL => {
      callback.searchParams.set(name, value);
      return callback;
    };
  it.each([
    ['another state', changed('state', 'x'.repeat(43))],
    ['another code', changed('code', 'x'.repeat(43))],
    ['another issuer', changed('iss', 'https://evil.example')],
    ['an error', changed('error', 'access_denied')],
  ])('refuses a callback with %s', async (_, change) => {
    const { answer, client } = await signIn('ada', change);
    expect(answer.status).toBe(403);
    expect((await client.get('/admin')).status).toBe(401);
  });

  it('refuses a callback that another browser began, and one that comes twice', async () => {
    const { back, traveller } = await signIn('ada');
    expect((await new Traveller().send(back.href)).status).toBe(403);
    expect((await traveller.send(back.href)).status).toBe(403);
  });

  it('goes nowhere else afterwards', async () => {
    const { headers } = await new Traveller().send(`${gateway.url}/admin/sign-in/oidc?next=https%3A%2F%2Fevil.example`);
    expect(headers.get('location')).toContain(issuer);
    expect(
      Buffer.from(headers.getSetCookie().join().split('=')[1]?.split('.')[0] ?? '', 'base64url').toString(),
    ).toContain('"next":""');
  });

  it('says so while the identity provider is away; local accounts go on', async () => {
    const away = await startGateway(`
sign_in: { oidc: { issuer: 'http://127.0.0.1:9', allow_insecure_issuer: true, client_id: a, client_secret: b } }
`);
    const { status, text } = await new ConsoleClient(away.url).get('/admin/sign-in/oidc');
    expect(status).toBe(503);
    expect(text).toContain('could not be asked');
    await away.close();
  });
});

async function freePort(): Promise<number> {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
