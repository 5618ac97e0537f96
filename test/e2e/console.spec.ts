import { DataSource } from 'typeorm';
import { declaredRoutes } from '../../src/admin/authority/declared-routes';
import { mayDo } from '../../src/admin/authority/permissions';
import { CONSOLE_CONTROLLERS } from '../../src/admin/console/console.module';
import { SignInThrottle } from '../../src/admin/console/auth/sign-in-throttle';
import { USER_ROLES, UsersService, type UserRole } from '../../src/access';
import { ConsoleClient } from '../browser/support/console-client';
import { PASSWORD, startCompany, type Company } from '../browser/support/company';
import { guarantee } from '../support/guarantee';
import { until } from '../support/until';

jest.setTimeout(180_000);

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
];

/** Each would give itself away by what it leaves behind, were it ever taken for a template. */
const TEMPLATES = [
  '{{7*7}}',
  '{{{csrf}}}',
  '{{> csrf}}',
  "{{lookup this 'csrf'}}",
  '{{#with this}}{{csrf}}{{/with}}',
  '{{#each viewer}}{{this}}{{/each}}',
  '{{constructor.name}}',
  '{{this.constructor.constructor "return 7*7"}}',
  '${7*7}',
  '<%= 7*7 %>',
  '#{7*7}',
  '*{7*7}',
];

const EVIL = `"><img src=x onerror=alert(1)>{{7*7}}'`;

describe('the console', () => {
  let company: Company;
  let url: string;
  const clients = new Map<UserRole, ConsoleClient>();

  const signedIn = async (role: UserRole): Promise<ConsoleClient> => {
    const client = new ConsoleClient(url);
    const { status, text } = await client.signIn(company.people[role].email, PASSWORD);
    if (status !== 303) throw new Error(`${role} could not sign in: ${status} ${text}`);
    return client;
  };
  const clientOf = (role: UserRole): ConsoleClient => clients.get(role) ?? new ConsoleClient(url);

  beforeAll(async () => {
    company = await startCompany({ evil: EVIL, keepsPrompts: true });
    url = company.gateway.url;
    for (const role of USER_ROLES) clients.set(role, await signedIn(role));
  });
  afterAll(() => company.close());

  describe('sessions', () => {
    it('asks who is not signed in to sign in, wherever they go, and takes them there afterwards', async () => {
      const { status, text } = await new ConsoleClient(url).get('/admin/requests?status=5xx');
      expect(status).toBe(401);
      expect(text).toContain('name="next" value="/admin/requests?status&#x3D;5xx"');
      const client = new ConsoleClient(url);
      const { email } = company.people.member;
      const there = await client.post('/admin/sign-in', { email, password: PASSWORD, next: '/admin/keys' });
      expect(there.headers.get('location')).toBe('/admin/keys');
    });

    it.each([
      'https://evil.example/',
      '//evil.example',
      '/admin/../v1/models',
      '/admin\\@evil.example',
      'javascript:1',
    ])('never goes to %s after signing in', async (next) => {
      const client = new ConsoleClient(url);
      const { email } = company.people.member;
      const { headers, status } = await client.post('/admin/sign-in', { email, password: PASSWORD, next });
      expect(status).toBe(303);
      expect(new URL(headers.get('location') ?? '', url).href).toMatch(new RegExp(`^${url}/(admin|v1/models)`));
      expect(headers.get('location')).not.toContain('evil');
    });

    it('keeps the cookie from scripts and from other sites', async () => {
      const client = new ConsoleClient(url);
      await client.signIn(company.people.member.email, PASSWORD);
      const line = client.lastSetCookies.find((each) => each.startsWith('gw_session=')) ?? '';
      expect(line).toMatch(/HttpOnly/i);
      expect(line).toMatch(/SameSite=Strict/i);
      const id = decodeURIComponent(client.cookies.get('gw_session') ?? '').split('.')[0] ?? '';
      // express-session draws 24 bytes.
      expect(id.length).toBeGreaterThanOrEqual(24);
    });

    it('gives a new session at sign-in: one that was planted is worth nothing', async () => {
      const planted = await signedIn('member');
      const before = planted.cookies.get('gw_session');
      await planted.signIn(company.people.auditor.email, PASSWORD);
      expect(planted.cookies.get('gw_session')).not.toBe(before);
      const thief = new ConsoleClient(url);
      thief.cookies.set('gw_session', before ?? '');
      expect((await thief.get('/admin')).status).toBe(401);
    });

    it('writes no session for a visit', async () => {
      const client = new ConsoleClient(url);
      await client.get('/admin/sign-in');
      expect(client.cookies.has('gw_session')).toBe(false);
    });

    it('ends a session at sign-out: a stolen cookie is worth nothing', async () => {
      const client = await signedIn('member');
      const stolen = new ConsoleClient(url);
      stolen.cookies.set('gw_session', client.cookies.get('gw_session') ?? '');
      expect((await stolen.get('/admin')).status).toBe(200);
      await client.post('/admin/sign-out');
      expect((await stolen.get('/admin')).status).toBe(401);
    });

    it('signs out everywhere', async () => {
      const [here, there] = [await signedIn('auditor'), await signedIn('auditor')];
      const { status } = await here.post('/admin/sign-out-everywhere');
      expect(status).toBe(303);
      expect((await there.get('/admin')).status).toBe(401);
      clients.set('auditor', await signedIn('auditor'));
    });

    it('ends the sessions of a user who is disabled, at once', async () => {
      const users = company.gateway.app.get(UsersService);
      const { id, email } = company.people.member;
      await users.update(id, { disabled: true });
      expect((await clientOf('member').get('/admin')).status).toBe(401);
      expect((await new ConsoleClient(url).signIn(email, PASSWORD)).status).toBe(401);
      await users.update(id, { disabled: false });
      clients.set('member', await signedIn('member'));
    });

    it('takes no API key for a session, and no session for an API key', async () => {
      const key = { authorization: `Bearer ${company.gateway.apiKey}` };
      expect((await new ConsoleClient(url).get('/admin', key)).status).toBe(401);
      expect((await clientOf('admin').get('/api/v1/teams')).status).toBe(401);
    });

    it('says the same about a wrong password and an unknown account', async () => {
      const wrong = await new ConsoleClient(url).signIn(company.people.admin.email, 'wrong');
      const unknown = await new ConsoleClient(url).signIn('nobody@example.com', 'wrong');
      const problem = /role="alert">([^<]+)</;
      expect([wrong.status, unknown.status]).toEqual([401, 401]);
      expect(problem.exec(wrong.text)?.[1]).toBe(problem.exec(unknown.text)?.[1]);
    });

    it('slows guessing down, and lets in who has signed in on this device before', async () => {
      const { email } = company.people.team_lead;
      const stranger = new ConsoleClient(url);
      const statuses: number[] = [];
      for (let guess = 0; guess < 5; guess += 1) statuses.push((await stranger.signIn(email, `guess ${guess}`)).status);
      expect(statuses).toContain(429);
      const owner = clientOf('team_lead');
      expect((await owner.signIn(email, PASSWORD)).status).toBe(303);
    });

    it('changes a password, and ends every other session', async () => {
      const here = await signedIn('auditor');
      const there = clientOf('auditor');
      const fields = { current_password: PASSWORD, password: 'an entirely new one' };
      const refused = await here.post('/admin/account/password', { ...fields, password: 'short' });
      expect(refused.text).toContain('12 to 256 characters');
      const changed = await here.post('/admin/account/password', fields);
      expect(changed.headers.get('location')).toBe('/admin/account?changed');
      expect((await there.get('/admin')).status).toBe(401);
      expect((await here.get('/admin')).status).toBe(200);
      const back = { current_password: fields.password, password: PASSWORD };
      expect((await here.post('/admin/account/password', back)).status).toBe(303);
      clients.set('auditor', here);
    });
  });

  describe('changes', () => {
    const create = { name: 'Never' };
    const countDepartments = async (): Promise<number> => {
      const { body } = await company.gateway.admin('GET', '/departments?limit=200');
      return (body as { data: unknown[] }).data.length;
    };

    it.each([
      ['without a token', { token: '' }],
      ['with a token of nobody', { token: 'a'.repeat(128) }],
      ['from another origin', { headers: { origin: 'https://evil.example' } }],
      ['from no origin', { headers: { origin: 'null' } }],
      ['from another site', { headers: { 'sec-fetch-site': 'cross-site' } }],
      ['from another host of the same site', { headers: { 'sec-fetch-site': 'same-site' } }],
    ])('are refused %s', async (_, options) => {
      const before = await countDepartments();
      const { status } = await clientOf('admin').post('/admin/teams/departments', create, options);
      expect(status).toBe(403);
      expect(await countDepartments()).toBe(before);
    });

    it('are refused with the token of somebody else', async () => {
      const token = await clientOf('auditor').token();
      const { status } = await clientOf('admin').post('/admin/teams/departments', create, { token });
      expect(status).toBe(403);
    });

    it('are refused as JSON', async () => {
      const admin = clientOf('admin');
      const body = { ...create, _csrf: await admin.token() };
      const cookie = [...admin.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(`${url}/admin/teams/departments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie, origin: url },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(403);
    });

    it('never happen by GET', () => {
      const acts = /rotate|revoke|disable|enable|reload|validate|sign-out|password/;
      const reads = declaredRoutes(CONSOLE_CONTROLLERS).filter(({ method }) => method === 'GET');
      expect(reads.filter(({ path }) => acts.test(path))).toEqual([]);
      guarantee(
        'ADM-5',
        `0 changes by 8 kinds of foreign or forged requests, and none of ${reads.length} GET routes acts`,
      );
    });
  });

  describe('permissions', () => {
    const concrete = (path: string): string =>
      path
        .replace('users/:id', `users/${company.people.member.id}`)
        .replace('keys/:id', `keys/${company.keys.own}`)
        .replace('departments/:id', `departments/${company.department}`)
        .replace('teams/:id', `teams/${company.teams.search}`)
        .replace('requests/:id', `requests/${company.requests.own}`)
        .replace('budgets/:id', `budgets/${company.budgets.own}`)
        .replace('models/:provider', 'models/openai')
        .replace('alerts/:id', `alerts/${company.webhook}`)
        .replace('entries/:id', `entries/${'0'.repeat(64)}`);

    it.each(USER_ROLES)('of %s hold on every route', async (role) => {
      const client = clientOf(role);
      const token = await client.token();
      const wrong: string[] = [];
      for (const { path, method, permission } of declaredRoutes(CONSOLE_CONTROLLERS)) {
        // They would end the session, or the person; the stream of news does not end; what is no page is nobody's.
        if (permission === undefined || /sign-(in|out)|\/live$|\*/.test(path)) continue;
        const may = mayDo(role, permission);
        if (may && method === 'POST') continue;
        const { status } =
          method === 'POST' ? await client.post(concrete(path), {}, { token }) : await client.get(concrete(path));
        if (status !== (may ? 200 : 403)) wrong.push(`${method} ${path}: ${status}`);
      }
      expect(wrong).toEqual([]);
    });

    it('show a team lead nobody of other teams', async () => {
      const lead = clientOf('team_lead');
      const pages = [company.people.member, company.people.auditor].map(({ id }) => `/admin/teams/users/${id}`);
      const answers = await Promise.all(pages.map((page) => lead.get(page)));
      expect(answers.map(({ status }) => status)).toEqual([200, 404]);
    });

    it('let nobody in who is not signed in', async () => {
      const stranger = new ConsoleClient(url);
      const token = await stranger.token();
      for (const { path, method, permission } of declaredRoutes(CONSOLE_CONTROLLERS)) {
        if (permission === 'public') continue;
        const { status } =
          method === 'POST' ? await stranger.post(concrete(path), {}, { token }) : await stranger.get(concrete(path));
        expect({ path, status }).toEqual({ path, status: 401 });
      }
    });

    it.each(['team_lead', 'member'] as const)('show %s nothing of other teams', async (role) => {
      const client = clientOf(role);
      const { foreign } = company.requests;
      const other = company.teams.support;
      const pages = [
        '/admin?range=7d',
        '/admin/requests',
        `/admin/requests?team=${other}`,
        '/admin/usage?group_by=team&group_by=key&group_by=model',
        '/admin/keys',
        `/admin/keys?team=${other}`,
        '/admin/budgets',
        '/admin/limits?of=key',
        '/admin/limits?of=team',
        '/admin/playground',
      ];
      for (const page of pages) {
        const { text, status } = await client.get(page);
        expect(status).toBe(200);
        expect(text).not.toContain(foreign);
        expect(text).not.toContain('ticket bot');
        expect(text).not.toContain('Support');
      }
      const csv = await client.get('/admin/usage/export.csv?group_by=team,key');
      expect(csv.status).toBe(200);
      expect(csv.text).toContain(company.keys.own);
      expect(csv.text).not.toContain(company.keys.foreign);
      const own = await client.get('/admin/requests');
      expect(own.text).toContain(company.requests.own);
    });

    it('say the same about what is another team’s and what does not exist', async () => {
      const client = clientOf('member');
      const missing = company.requests.foreign.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
      const theirs = await client.get(`/admin/requests/${company.requests.foreign}`);
      const nobodys = await client.get(`/admin/requests/${missing}`);
      const essence = (text: string): string => text.replace(/value="[^"]*"/g, '');
      expect([theirs.status, nobodys.status]).toEqual([404, 404]);
      expect(essence(theirs.text)).toBe(essence(nobodys.text));
      for (const action of ['rotate', 'revoke']) {
        expect((await client.post(`/admin/keys/${company.keys.foreign}/${action}`)).status).toBe(404);
      }
    });

    it('let a team lead make keys for their own teams only', async () => {
      const client = clientOf('team_lead');
      const foreign = await client.post('/admin/keys', { name: 'mine', team_id: company.teams.support });
      // In the words for a team that does not exist.
      expect(foreign.status).toBe(400);
      expect(foreign.text).toContain('There is no such team.');
      const own = await client.post('/admin/keys', { name: 'mine', team_id: company.teams.search });
      expect(own.text).toMatch(/value="gw_[\w]{8}_\w+"/);
    });
  });

  describe('pages', () => {
    const PAGES = [
      '',
      '?range=30d',
      '/requests',
      '/usage',
      '/budgets',
      '/budgets/new',
      '/limits?of=team',
      '/limits?of=user',
      '/limits?of=key',
      '/cache',
      '/prices?search=gpt',
      '/prices/import',
      '/alerts',
      '/playground',
      '/audit',
      '/audit?target_type=key&from=2026-01-01',
      '/keys',
      '/keys/new',
      '/teams',
      '/models',
      '/settings',
      '/account',
    ];

    it.each(PAGES)('/admin%s says where its parts may come from, and escapes every name', async (page) => {
      const { status, text, headers } = await clientOf('admin').get(`/admin${page}`);
      expect(status).toBe(200);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy.split(';').map((each) => each.trim())).toEqual(POLICY);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(text).not.toContain('<img');
      expect(text).not.toMatch(/\sstyle=|<style|<script>|\son\w+="/);
      // What the template in every name would have become.
      expect(text).not.toContain('&gt;49');
    });

    it('there is one for addresses that are none', async () => {
      const { status, text } = await clientOf('member').get('/admin/no/such/page');
      expect(status).toBe(404);
      expect(text).toContain('There is no such page.');
      expect(text).toContain('aria-label="Main"');
      for (const address of ['keys', 'teams', 'teams/users', 'teams/departments', 'budgets', 'alerts', 'requests']) {
        for (const id of ['x', '%00', 'key_%00']) {
          expect((await clientOf('admin').get(`/admin/${address}/${id}`)).status).toBe(404);
        }
      }
      expect((await clientOf('admin').get('/admin/limits?cursor=%00')).status).toBe(400);
    });

    it('escape names in details too', async () => {
      const { own, fallback } = company.requests;
      const pages = [`/requests/${own}`, `/requests/${fallback}`, `/keys/${company.keys.own}`];
      for (const page of pages) {
        const { status, text } = await clientOf('admin').get(`/admin${page}`);
        expect(status).toBe(200);
        expect(text).not.toContain('<img');
        expect(text).toContain('&lt;img');
      }
    });

    it('evaluate no template that a user wrote', async () => {
      const escaped = (text: string): string =>
        text.replaceAll(/[&<>"'`=]/g, (each) => `&#${each.charCodeAt(0)};`).toLowerCase();
      const normal = (html: string): string =>
        html
          .replaceAll(
            /&(amp|lt|gt|quot);/g,
            (_, name: string) => ({ amp: '&#38;', lt: '&#60;', gt: '&#62;', quot: '&#34;' })[name] ?? '',
          )
          .replaceAll(/&#x([0-9A-F]+);/gi, (_, hex: string) => `&#${parseInt(hex, 16)};`)
          .toLowerCase();
      const { search } = company.teams;
      for (const [index, template] of TEMPLATES.entries()) {
        const made = await company.gateway.admin('POST', '/departments', { name: `${template} ${index}` });
        const { id } = made.body as { id: string };
        await company.gateway.admin('POST', '/teams', { name: `t ${template}`, department_id: id });
        await company.gateway.admin('POST', '/keys', { name: `k ${template}`, team_id: search });
      }
      const pages = ['/admin/teams', '/admin/keys', '/admin/keys/new', '/admin/usage', '/admin'];
      const texts = await Promise.all(pages.map(async (page) => normal((await clientOf('admin').get(page)).text)));
      const [teams = '', keys = ''] = texts;
      for (const template of TEMPLATES) {
        expect(teams).toContain(escaped(`t ${template}`));
        expect(keys).toContain(escaped(`k ${template}`));
      }
      guarantee('SEC-10', `0 of ${TEMPLATES.length} templates evaluated in names on ${pages.length} pages`);
    });

    it('show how a request was answered', async () => {
      const { text } = await clientOf('admin').get(`/admin/requests/${company.requests.fallback}`);
      expect(text).toContain('fallback');
      for (const stage of ['Identity', 'Limits', 'Route', 'Price', 'Budget', 'Attempt'])
        expect(text).toContain(`<span class="stage">${stage}</span>`);
      // Each attempt has its price, and what the budgets of its caller had left.
      expect(text.match(/class="stage">Price</g)).toHaveLength(2);
      for (const said of ['input, a million', '<th scope="col">left</th>', 'ticket bot']) expect(text).toContain(said);
      expect(text).toContain('retired/gpt-4o-2024-11-20');
      expect(text).toContain('anthropic/claude-sonnet-4-20250514');
    });

    it('keep what was typed, and say what is wrong beside the field', async () => {
      const fields = { name: 'kept', team_id: company.teams.search, requests_per_minute: '-3' };
      const { status, text } = await clientOf('admin').post('/admin/keys', fields);
      expect(status).toBe(400);
      expect(text).toContain('value="kept"');
      expect(text).toMatch(/id="key-rpm-error">[^<]*requests per minute/);
    });

    it('show days of one’s own, and say beside the field what is wrong with them', async () => {
      const admin = clientOf('admin');
      const today = new Date().toISOString().slice(0, 10);
      const own = await admin.get(`/admin?from=${today}&to=${today}`);
      expect(own.status).toBe(200);
      expect(own.text).toContain(`${today}, compared with the period before`);
      expect(own.text).toMatch(
        new RegExp(`data-refresh="/admin\\?from&#x3D;${today}|data-refresh="/admin\\?from=${today}`),
      );
      const wrong = await admin.get('/admin?from=2026-02-30&to=2026-03-01');
      expect(wrong.status).toBe(400);
      expect(wrong.text).toMatch(/value="2026-02-30"[^>]*>\s*<p class="field-error" id="o-from-error">Write a day/);
      expect(wrong.text).toContain('value="2026-03-01"');
      const usage = await admin.get(`/admin/usage?from=${today}&to=${today}&group_by=model`);
      expect(usage.text).not.toContain('>Change<');
      await company.gateway.app.get(DataSource).query(
        `insert into usage_requests select (jsonb_populate_record(r, jsonb_build_object('started_at',
           r.started_at - interval '1 day', 'cost_nano_usd', r.cost_nano_usd * 2))).* from usage_requests r`,
      );
      const compared = await admin.get(`/admin/usage?from=${today}&to=${today}&group_by=model`);
      expect(compared.text).toContain('>Change<');
      expect(compared.text).toMatch(/<td class="num muted[^"]*">(−\d+%|new)<\/td>/);
    });

    it('make, rotate, disable and revoke a key that works', async () => {
      const admin = clientOf('admin');
      const { text } = await admin.post('/admin/keys', { name: 'made here', team_id: company.teams.search });
      const secretIn = (html: string): string => /value="(gw_\w{8}_\w+)"/.exec(html)?.[1] ?? '';
      const first = secretIn(text);
      const id = /href="\/admin\/keys\/(key_\w+)"/.exec(text)?.[1] ?? '';
      const works = async (key: string): Promise<number> =>
        (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
      expect(await works(first)).toBe(200);
      const again = await admin.get(`/admin/keys/${id}`);
      expect(again.text).not.toContain(first);
      const second = secretIn((await admin.post(`/admin/keys/${id}/rotate`, { grace_seconds: '3600' })).text);
      expect([await works(first), await works(second)]).toEqual([200, 200]);
      await admin.post(`/admin/keys/${id}/disable`);
      await until(async () => (await works(second)) === 401);
      expect((await admin.get(`/admin/keys/${id}`)).text).toContain('Enable key');
      await admin.post(`/admin/keys/${id}/enable`);
      await until(async () => (await works(second)) === 200);
      await admin.post(`/admin/keys/${id}/revoke`);
      await until(async () => (await works(second)) === 401);
      const { body } = await company.gateway.admin('GET', `/audit?target=${id}`);
      const entries = (body as { data: { action: string; before: object; after: object }[] }).data;
      const actions = ['key.revoke', 'key.enable', 'key.disable', 'key.rotate', 'key.create'];
      expect(entries.map(({ action }) => action)).toEqual(actions);
      expect(entries[2]).toMatchObject({ before: { disabled_at: null }, after: { disabled_at: expect.any(String) } });
    });

    it('make a department, a team and a user who can sign in', async () => {
      const admin = clientOf('admin');
      expect((await admin.post('/admin/teams/departments', { name: 'Research' })).status).toBe(303);
      const page = await admin.get('/admin/teams');
      const department = /value="(dep_\w+)">Research</.exec(page.text)?.[1] ?? '';
      expect((await admin.post('/admin/teams', { name: 'Lab', department_id: department })).status).toBe(303);
      const team = /value="(team_\w+)">Lab ·/.exec((await admin.get('/admin/teams')).text)?.[1] ?? '';
      const user = {
        name: 'Barbara',
        email: 'barbara@example.com',
        role: 'member',
        team_ids: team,
        password: PASSWORD,
      };
      expect((await admin.post('/admin/teams/users', user)).status).toBe(303);
      expect((await new ConsoleClient(url).signIn(user.email, PASSWORD)).status).toBe(303);
      const twice = await admin.post('/admin/teams/users', user);
      expect(twice.text).toContain('A user with this email exists already.');
      expect(twice.text).toContain('value="barbara@example.com"');
    });

    it('make, change, top up and delete a budget', async () => {
      const admin = clientOf('admin');
      const fields = { owner: `team:${company.teams.search}`, limit_usd: '$1,250.50', period: 'month', hard: 'true' };
      const refused = await admin.post('/admin/budgets', { ...fields, limit_usd: 'much', alerts: '50', name: 'kept' });
      expect(refused.status).toBe(400);
      expect(refused.text).toMatch(/id="limit_usd-error"\s*>[^<]*amount in USD/);
      expect(refused.text).toContain('value="kept"');
      const { headers } = await admin.post('/admin/budgets', { ...fields, alerts: '50, 80 %' });
      const address = headers.get('location') ?? '';
      expect(address).toMatch(/^\/admin\/budgets\/bud_\w+$/);
      expect((await admin.get(address)).text).toContain('$1,250.50');
      const late = await admin.post(`${address}/top-ups`, { amount_usd: '10', expires_at: '2020-01-01', reason: 'x' });
      expect(late.text).toMatch(/id="expires_at-error"\s*>[^<]*in the future/);
      const topUp = { amount_usd: '49.50', expires_at: '2099-01-01', reason: 'the end of the quarter' };
      expect((await admin.post(`${address}/top-ups`, topUp)).status).toBe(303);
      const raised = (await admin.get(address)).text;
      expect(raised).toContain('the end of the quarter');
      expect(raised).toContain('$1,300.00');
      expect((await admin.post(address, { name: 'new', limit_usd: '5', alerts: '90' })).status).toBe(303);
      expect((await admin.get(address)).text).toContain('soft: counts and alerts');
      expect((await admin.post(`${address}/delete`)).status).toBe(303);
      expect((await admin.get(address)).status).toBe(404);
    });

    it('show what people may spend, and nobody else’s', async () => {
      const { own, foreign } = company.budgets;
      const seen = async (role: UserRole): Promise<boolean[]> => {
        const { text } = await clientOf(role).get('/admin/budgets');
        return [own, foreign].map((id) => text.includes(id));
      };
      expect(await seen('admin')).toEqual([true, true]);
      expect(await seen('team_lead')).toEqual([true, false]);
      expect(await seen('member')).toEqual([true, false]);
      expect((await clientOf('member').get(`/admin/budgets/${foreign}`)).status).toBe(404);
    });

    it('show how full the windows are', async () => {
      const { text } = await clientOf('admin').get('/admin/limits?of=team');
      expect(text).toMatch(/\d+ of 600/);
    });

    it('test a provider with a real call', async () => {
      const admin = clientOf('admin');
      expect((await admin.post('/admin/models/openai/test', { model: 'gpt-4o' })).text).toContain('openai answered in');
      expect((await admin.post('/admin/models/retired/test')).text).toContain('retired did not answer');
      expect((await admin.post('/admin/models/none/test')).status).toBe(404);
    });

    it('set a price that wins over the list, and take it back', async () => {
      const admin = clientOf('admin');
      const refused = await admin.post('/admin/prices', { model: 'openai/gpt-4o', input: 'free', output: '7' });
      expect(refused.status).toBe(400);
      expect(refused.text).toMatch(/id="input-error"\s*>[^<]*USD per million tokens/);
      expect(refused.text).toContain('value="7"');
      const set = await admin.post('/admin/prices', { model: 'openai/gpt-4o', input: '3.25', output: '7' });
      expect(set.status).toBe(303);
      expect((await admin.get('/admin/prices?search=gpt-4o')).text).toContain('3.25');
      expect((await admin.post('/admin/prices/remove', { model: 'openai/gpt-4o' })).status).toBe(303);
      expect((await admin.get('/admin/prices?search=gpt-4o')).text).not.toContain('3.25');
      expect((await admin.post('/admin/prices/remove', { model: 'openai/gpt-4o' })).status).toBe(404);
    });

    it('make a webhook whose secret is shown once, change it and delete it', async () => {
      const admin = clientOf('admin');
      const fields = { url: 'ftp://example.com', name: 'kept', events: ['budget.exceeded', 'provider.down'] };
      const refused = await admin.post('/admin/alerts', fields);
      expect(refused.status).toBe(400);
      expect(refused.text).toMatch(/id="url-error"/);
      expect(refused.text).toContain('value="kept"');
      const made = await admin.post('/admin/alerts', { ...fields, url: 'https://example.com/hooks', enabled: 'true' });
      const secret = /id="secret"[^>]*value="([^"]+)"/.exec(made.text)?.[1] ?? '';
      expect(secret.length).toBeGreaterThan(20);
      const address = /href="(\/admin\/alerts\/hook_\w+)"/.exec(made.text)?.[1] ?? '';
      const shown = (await admin.get(address)).text;
      expect(shown).not.toContain(secret);
      expect(shown).toContain('Nothing has happened yet');
      expect((await admin.post(address, { ...fields, url: 'https://example.com/other' })).status).toBe(303);
      expect((await admin.get(address)).text).toContain('Off: what is due waits');
      expect((await admin.post(`${address}/delete`)).status).toBe(303);
      expect((await admin.get(address)).status).toBe(404);
    });

    it('empty the cache, and refuse to guess what is meant', async () => {
      const admin = clientOf('admin');
      const vague = await admin.post('/admin/cache/purge');
      expect(vague.text).toMatch(/id="model-error"\s*>Name a model or a scope/);
      const wrong = await admin.post('/admin/cache/purge', { scope: 'the lab', model: 'kept' });
      expect(wrong.text).toMatch(/id="scope-error"\s*>/);
      expect(wrong.text).toContain('value="kept"');
      expect((await admin.post('/admin/cache/purge', { model: 'gpt-4o' })).text).toMatch(/\d+ entr(y|ies) removed/);
      expect((await admin.post('/admin/cache/flush')).text).toContain('The cache is empty');
    });

    it('play with a model in one’s own name, within one’s own teams', async () => {
      const member = clientOf('member');
      const call = { model: 'gpt-4o', team_id: company.teams.search, prompt: 'Say something.', max_tokens: '50' };
      const { status, text } = await member.post('/admin/playground', call);
      expect(status).toBe(200);
      expect(text).toContain('HTTP 200');
      const id = /requests\/(req_\w+)/.exec(text)?.[1] ?? '';
      expect(await company.gateway.recordOf(id)).toMatchObject({ user_id: company.people.member.id });
      const stream = await member.post('/admin/playground/stream', call);
      expect(stream.headers.get('content-type')).toContain('text/event-stream');
      expect(stream.text).toContain('data: [DONE]');
      const foreign = await member.post('/admin/playground', { ...call, team_id: company.teams.support });
      expect(foreign.text).toMatch(/id="team_id-error"\s*>Choose a team that you are in/);
      const empty = await member.post('/admin/playground', { ...call, prompt: '', temperature: '1' });
      expect(empty.text).toMatch(/id="prompt-error"/);
      expect(empty.text).toContain('value="1"');
      const problem = await member.post('/admin/playground/stream', { ...call, temperature: '9' });
      expect(problem.status).toBe(400);
      expect(JSON.parse(problem.text)).toMatchObject({ problem: { fields: { temperature: 'A number from 0 to 2.' } } });
    });

    it('tell open pages that there is news, and only that', async () => {
      const admin = clientOf('admin');
      const cookie = [...admin.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(`${url}/admin/live`, { headers: { cookie } });
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      let told = '';
      while (!told.includes('event: usage')) told += (await reader.read()).value ?? '';
      expect(told.replace(/retry: \d+\n\n|event: (usage|tick)\ndata:\n\n/g, '')).toBe('');
      await reader.cancel();
    });

    it('check and reload the configuration', async () => {
      const admin = clientOf('admin');
      const bad = await admin.post('/admin/settings/validate', { yaml: 'cash: { enabled: true }' });
      expect(bad.text).toContain('It could not be used');
      const good = await admin.post('/admin/settings/validate', { yaml: 'cache: { enabled: true }' });
      expect(good.text).toContain('The gateway could run with it');
      expect((await admin.get('/admin/settings')).text).not.toContain('test-key-of-openai');
      expect((await admin.post('/admin/settings/reload')).text).toContain('The file is in force');
    });

    it('answer nonsense in the address with a sentence', async () => {
      const admin = clientOf('admin');
      for (const query of [
        '?status=teapot',
        '?cursor=%00',
        '?min_cost_usd=x',
        `?model=${'%25'.repeat(900)}`,
        '?team[]=1',
      ]) {
        const { status, text } = await admin.get(`/admin/requests${query}`);
        expect([200, 400]).toContain(status);
        expect(text).toContain('<h1>Requests</h1>');
      }
      for (const query of ['?from=tomorrow', '?from=2026-12-31&to=2026-01-01', '?group_by=password_hash']) {
        expect([200, 400]).toContain((await admin.get(`/admin/usage${query}`)).status);
      }
      expect((await admin.get('/admin/requests/none')).status).toBe(404);
    });
  });

  it('bounds guesses at an account, however many addresses they come from', () => {
    const throttle = company.gateway.app.get(SignInThrottle);
    let guesses = 0;
    for (let index = 0; index < 10_000; index += 1) {
      if (throttle.begin('victim@example.com', { address: `10.0.${index % 4}.${index % 250}` }) === 0) guesses += 1;
    }
    expect(guesses).toBeLessThanOrEqual(20);
    expect(throttle.begin('victim@example.com', { device: 'the owner’s own' })).toBe(0);
    guarantee(
      'ADM-7',
      `${guesses} of 10,000 guesses from 1,000 addresses count in an hour; the owner’s own device gets in`,
    );
  });
});
