import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ConsoleClient } from '../browser/support/console-client';
import { PASSWORD, startCompany, type Company } from '../browser/support/company';

jest.setTimeout(240_000);

const VIEWS = path.join(__dirname, '../../src/admin/console/views');

/** What is typed that cannot be, the field it is told beside, and what else was typed and must still be there. */
interface Case {
  readonly bad: Readonly<Record<string, string>>;
  /** The id of the field; its message is `ID-error`. */
  readonly beside: string;
  readonly kept?: Readonly<Record<string, string>>;
}

const NAME = { kept: { name: 'kept as typed' } } as const;

/** Every form of every page that takes something, by its address as the template has it. */
const FORMS: Readonly<Record<string, readonly Case[]>> = {
  '/admin/account/password': [
    { bad: { current_password: 'wrong', password: 'tundra ledger violin moss' }, beside: 'current_password' },
    { bad: { current_password: PASSWORD, password: 'short' }, beside: 'password' },
  ],
  '/admin/alerts': [{ ...NAME, bad: { url: 'ftp://example.com' }, beside: 'url' }],
  '/admin/alerts/:id': [
    { ...NAME, bad: { url: 'ftp://example.com' }, beside: 'url' },
    { bad: { name: '' }, beside: 'name', kept: { url: 'https://example.com/kept' } },
  ],
  '/admin/budgets': [
    { ...NAME, bad: { limit_usd: 'much' }, beside: 'limit_usd' },
    { ...NAME, bad: { limit_usd: '1', alerts: 'half' }, beside: 'alerts' },
    { ...NAME, bad: { limit_usd: '1', timezone: 'Mars/Base' }, beside: 'timezone' },
    { ...NAME, bad: { limit_usd: '1', warn_at: 'early' }, beside: 'warn_at' },
    { ...NAME, bad: { limit_usd: '1', cheaper_at: '80' }, beside: 'cheaper_model' },
  ],
  '/admin/budgets/:id': [
    { ...NAME, bad: { limit_usd: '-1' }, beside: 'limit_usd' },
    { bad: { name: 'x'.repeat(200), limit_usd: '7.25' }, beside: 'name', kept: { limit_usd: '7.25' } },
    { bad: { name: '' }, beside: 'name', kept: { limit_usd: '7.25', models: 'gpt-kept*' } },
    { ...NAME, bad: { limit_usd: '' }, beside: 'limit_usd' },
    { ...NAME, bad: { limit_usd: '2', cache_only_at: '90', block_at: '80' }, beside: 'block_at' },
  ],
  '/admin/budgets/:id/top-ups': [
    { bad: { amount_usd: 'x', expires_at: '2099-01-01' }, beside: 'amount_usd', kept: { reason: 'kept reason' } },
    { bad: { amount_usd: '5', expires_at: 'tomorrow' }, beside: 'expires_at', kept: { reason: 'kept reason' } },
  ],
  '/admin/cache/purge': [
    { bad: { scope: 'the lab' }, beside: 'scope', kept: { model: 'kept-model' } },
    { bad: { model: 'gpt\0-4o' }, beside: 'model', kept: { scope: 'organization' } },
  ],
  '/admin/keys': [
    { ...NAME, bad: { user_email: 'nobody@example.com' }, beside: 'user_email' },
    { ...NAME, bad: { user_email: 'no\0body@example.com' }, beside: 'user_email' },
    { ...NAME, bad: { expires_at: 'never' }, beside: 'expires_at' },
    { ...NAME, bad: { requests_per_minute: 'x' }, beside: 'key-rpm' },
    { ...NAME, bad: { team_id: 'team_x' }, beside: 'team_id' },
    { ...NAME, bad: { scopes: 'everything' }, beside: 'scopes' },
  ],
  '/admin/keys/:id': [
    { ...NAME, bad: { expires_at: 'never' }, beside: 'expires_at' },
    { bad: { name: '' }, beside: 'name', kept: { allowed_models: 'gpt-kept*' } },
  ],
  '/admin/playground': [
    { bad: { prompt: 'kept', model: 'gpt-4o', temperature: 'hot' }, beside: 'temperature', kept: { max_tokens: '41' } },
    { bad: { prompt: '', model: 'gpt-4o' }, beside: 'prompt', kept: { max_tokens: '41' } },
  ],
  '/admin/prices': [{ bad: { model: 'gpt-4o', output: '1', input: 'free' }, beside: 'input', kept: { output: '1' } }],
  // The text and its refusals have a test of their own, below.
  '/admin/prices/import': [{ bad: { file: 'gpt-4o: 2.5' }, beside: 'file' }],
  '/admin/prices/re-rate': [
    { bad: { from: 'once', to: '2026-11-02', reason: 'x' }, beside: 'from', kept: { model: 'kept-model' } },
    { bad: { from: '2026-11-03', to: '2026-11-01', reason: 'x' }, beside: 'from', kept: { model: 'kept-model' } },
    { bad: { from: '2026-11-01', to: '2026-11-02', reason: '' }, beside: 'reason', kept: { provider: 'kept' } },
  ],
  '/admin/teams': [
    { ...NAME, bad: { tokens_per_minute: '-1' }, beside: 'team-tpm' },
    { ...NAME, bad: { department_id: 'dep_x' }, beside: 'team-dep' },
    { bad: { name: 'x'.repeat(101) }, beside: 'team-name', kept: { allowed_models: 'gpt-kept*' } },
  ],
  '/admin/teams/:id': [
    { ...NAME, bad: { max_concurrency: '0.5' }, beside: 'team-con' },
    { bad: { name: '' }, beside: 'name', kept: { allowed_models: 'gpt-kept*' } },
    { ...NAME, bad: { department_id: 'dep_x' }, beside: 'department_id' },
  ],
  '/admin/teams/:id/own-limits': [
    { bad: { requests_per_minute: 'x' }, beside: 'own-rpm', kept: { tokens_per_minute: '4321' } },
  ],
  '/admin/teams/departments': [{ ...NAME, bad: { requests_per_minute: '1e9' }, beside: 'dep-rpm' }],
  '/admin/teams/departments/:id': [
    { ...NAME, bad: { requests_per_minute: 'x' }, beside: 'dep-rpm' },
    { bad: { name: '' }, beside: 'name', kept: { tokens_per_minute: '4321' } },
  ],
  '/admin/teams/users': [
    { ...NAME, bad: { email: 'nobody' }, beside: 'user-email' },
    { ...NAME, bad: { email: 'new@example.com', role: 'king' }, beside: 'user-role' },
    { ...NAME, bad: { email: 'new@example.com', team_ids: 'team_x' }, beside: 'user-teams' },
    { ...NAME, bad: { email: 'new@example.com', password: 'password1234' }, beside: 'user-password' },
    { ...NAME, bad: { email: 'new@example.com', tokens_per_minute: 'x' }, beside: 'user-tpm' },
  ],
  '/admin/teams/users/:id': [
    { ...NAME, bad: { email: 'nobody' }, beside: 'email' },
    { ...NAME, bad: { email: 'admin@example.com' }, beside: 'email' },
    { ...NAME, bad: { role: 'king' }, beside: 'role' },
    { ...NAME, bad: { team_ids: 'team_x' }, beside: 'team_ids' },
    { ...NAME, bad: { tokens_per_minute: 'x' }, beside: 'user-tpm' },
    { bad: { name: '' }, beside: 'name', kept: { allowed_models: 'gpt-kept*' } },
  ],
  '/admin/teams/users/:id/password': [{ bad: { password: 'password1234' }, beside: 'password' }],
};

/** Forms that are a button, take a choice of their own, or answer with a page of their own (see console.spec.ts). */
const OTHERS = [
  '/admin/alerts/:id/delete',
  '/admin/budgets/:id/delete',
  '/admin/cache/aliases/:id/remove',
  '/admin/cache/entries/:id/remove',
  '/admin/cache/flush',
  '/admin/keys/:id/disable',
  '/admin/keys/:id/enable',
  '/admin/keys/:id/revoke',
  '/admin/keys/:id/rotate',
  '/admin/prices/re-rate/post',
  '/admin/prices/remove',
  '/admin/settings/reload',
  '/admin/settings/validate',
  '/admin/sign-in',
  '/admin/sign-out',
  '/admin/sign-out-everywhere',
  '/admin/teams/:id/delete',
  '/admin/teams/departments/:id/delete',
  '/admin/teams/users/:id/delete',
  '/admin/teams/users/:id/disable',
  '/admin/teams/users/:id/enable',
  // The test of a provider's model: its address is made by its page.
  ':id',
];

const addressesOfTemplates = (): string[] => {
  const files = readdirSync(VIEWS, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.hbs'));
  const forms = files.flatMap((name) => [
    ...readFileSync(path.join(VIEWS, name), 'utf8').matchAll(/<form\b[^>]*method="post"[^>]*action="([^"]+)"/g),
  ]);
  return [...new Set(forms.map(([, action = '']) => action.replaceAll(/\{\{[^}]+\}\}/g, ':id')))].sort();
};

/** What stands in the fields of the form with this action; of passwords nothing ever does. A box that is not ticked is empty. */
function shownBy(page: string, action: string): Map<string, string> {
  expect(page).toContain(`action="${action}"`);
  const form = page.slice(page.indexOf(`action="${action}"`));
  const inputs = form.slice(0, form.indexOf('</form>')).matchAll(/<input\b[^>]*>/g);
  const attribute = (input: string, name: string): string => new RegExp(`\\s${name}="([^"]*)"`).exec(input)?.[1] ?? '';
  return new Map(
    [...inputs].flatMap(([input]) => {
      const [type, name] = [attribute(input, 'type'), attribute(input, 'name')];
      // Of events several are ticked.
      if (type === 'hidden' || type === 'password' || name === 'events') return [];
      const isEmpty = type === 'checkbox' && !/\schecked\b/.test(input);
      return [[name, isEmpty ? '' : attribute(input, 'value')] as const];
    }),
  );
}

describe('the forms of the console', () => {
  let company: Company;
  let admin: ConsoleClient;
  let lead: ConsoleClient;

  beforeAll(async () => {
    company = await startCompany();
    [admin, lead] = [new ConsoleClient(company.gateway.url), new ConsoleClient(company.gateway.url)];
    await admin.signIn(company.people.admin.email, PASSWORD);
    await lead.signIn(company.people.team_lead.email, PASSWORD);
  });
  afterAll(() => company?.close());

  const concrete = (address: string): string =>
    address
      .replace('users/:id', `users/${company.people.member.id}`)
      .replace('departments/:id', `departments/${company.department}`)
      .replace('teams/:id', `teams/${company.teams.search}`)
      .replace('keys/:id', `keys/${company.keys.own}`)
      .replace('budgets/:id', `budgets/${company.budgets.own}`)
      .replace('alerts/:id', `alerts/${company.webhook}`);

  /** What a person would have typed into the rest of the form. */
  const restOf = (address: string): Record<string, string> => ({
    ...(address === '/admin/keys' || address === '/admin/playground' ? { team_id: company.teams.search } : {}),
    ...(address === '/admin/teams' || address === '/admin/teams/:id' ? { department_id: company.department } : {}),
    ...(address.startsWith('/admin/alerts') ? { events: 'provider.down' } : {}),
  });

  it('are all in the table', () => {
    expect(addressesOfTemplates()).toEqual([...Object.keys(FORMS), ...OTHERS].sort());
  });

  it.each(Object.entries(FORMS).flatMap(([address, cases]) => cases.map((each) => ({ address, ...each }))))(
    '$address refuses $bad beside $beside and keeps what was typed',
    async ({ address, bad, beside, kept = {} }) => {
      const client = address.endsWith('own-limits') ? lead : admin;
      const { status, text } = await client.post(concrete(address), { ...restOf(address), ...kept, ...bad });
      expect({ status, isBeside: text.includes(`id="${beside}-error"`) }).toEqual({ status: 400, isBeside: true });
      for (const value of Object.values(kept)) expect(text).toContain(`value="${value}"`);
      // What was left empty is empty still: nothing that is stored stands in for it.
      const typed: Readonly<Record<string, string>> = { ...restOf(address), ...kept, ...bad };
      const shown = shownBy(text, concrete(address));
      expect(Object.fromEntries(shown)).toEqual(
        Object.fromEntries([...shown.keys()].map((name) => [name, typed[name] ?? ''])),
      );
    },
  );

  it.each([
    ['/admin/requests?status=soon', 'f-status', 'soon'],
    ['/admin/audit?from=2026-11-03&to=2026-11-01', 'from', '2026-11-03'],
    ['/admin/usage?from=2026-11-03&to=2026-11-01', 'u-from', '2026-11-03'],
    [`/admin/prices?search=${'x'.repeat(300)}`, 'search', 'x'.repeat(300)],
  ])('that filter tell beside the field what is wrong: %s', async (address, field, typed) => {
    const { status, text } = await admin.get(address);
    expect({
      status,
      isBeside: text.includes(`id="${field}-error"`),
      isKept: text.includes(`value="${typed}"`),
    }).toEqual({
      status: 400,
      isBeside: true,
      isKept: true,
    });
  });

  it('say once what was done', async () => {
    const page = `/admin/teams/departments/${company.department}`;
    expect((await admin.post(page, { name: 'Product' })).status).toBe(303);
    const said = '<div class="notice good" role="status">Saved.</div>';
    expect([(await admin.get(page)).text.includes(said), (await admin.get(page)).text.includes(said)]).toEqual([
      true,
      false,
    ]);
  });

  const auditOf = async (action: string): Promise<unknown> => {
    const { body } = await company.gateway.admin('GET', `/audit?action=${action}&limit=1`);
    return (body as { data: unknown[] }).data[0];
  };

  it('change a department, and delete it only while it has no team', async () => {
    const { department } = company;
    const page = `/admin/teams/departments/${department}`;
    const changed = await admin.post(page, { name: 'Products', requests_per_minute: '500' });
    expect({ status: changed.status, location: changed.headers.get('location') }).toEqual({
      status: 303,
      location: page,
    });
    const { body } = await company.gateway.admin('GET', `/departments/${department}`);
    expect(body).toMatchObject({ name: 'Products', limits: { requests_per_minute: 500 } });
    expect(await auditOf('department.update')).toMatchObject({
      before: { name: 'Product', limits: null },
      after: { name: 'Products', limits: { requests_per_minute: 500 } },
    });
    const refused = await admin.post(`${page}/delete`);
    expect({ status: refused.status, isTold: refused.text.includes('This did not work.') }).toEqual({
      status: 400,
      isTold: true,
    });
    expect((await lead.get(page)).text).not.toContain('<h2>Change</h2>');
    expect((await lead.post(page, { name: 'mine' })).status).toBe(403);
  });

  it('move a team, and delete it only while nobody needs it', async () => {
    const made = async (route: string, body: object): Promise<string> =>
      ((await company.gateway.admin('POST', route, body)).body as { id: string }).id;
    const elsewhere = await made('/departments', { name: 'Elsewhere' });
    const team = await made('/teams', { name: 'Mobile', department_id: company.department });
    const page = `/admin/teams/${team}`;
    expect((await admin.post(page, { name: 'Mobile', department_id: elsewhere })).status).toBe(303);
    expect((await company.gateway.admin('GET', `/teams/${team}`)).body).toMatchObject({ department_id: elsewhere });
    const key = await made('/keys', { name: 'app', team_id: team });
    const refused = await admin.post(`${page}/delete`);
    expect({ status: refused.status, isTold: refused.text.includes('The team still has keys') }).toEqual({
      status: 400,
      isTold: true,
    });
    expect((await admin.post(`/admin/keys/${key}/revoke`)).status).toBe(303);
    expect((await lead.post(`${page}/delete`)).status).toBe(403);
    expect((await admin.post(`${page}/delete`)).status).toBe(303);
    expect((await admin.get(page)).status).toBe(404);
    expect(await auditOf('team.delete')).toMatchObject({ before: { name: 'Mobile' }, after: null });
    const own = (await lead.get(`/admin/teams/${company.teams.search}`)).text;
    expect(own).toContain(`href="/admin/teams/users/${company.people.member.id}"`);
    expect(own).not.toContain('<h2>Delete</h2>');
  });

  it('change a key, and leave the hour it ends at alone', async () => {
    const expires = '2099-05-06T07:08:09.000Z';
    const fields = {
      name: 'night job',
      team_id: company.teams.search,
      expires_at: expires,
      allowed_models: ['gpt-4o*'],
    };
    const { id } = (await company.gateway.admin('POST', '/keys', fields)).body as { id: string };
    const page = `/admin/keys/${id}`;
    const key = async (): Promise<unknown> => (await company.gateway.admin('GET', `/keys/${id}`)).body;
    const limited = { name: 'Night job', expires_at: '2099-05-06', tokens_per_minute: '500' };
    expect((await lead.post(page, limited)).status).toBe(303);
    expect(await key()).toMatchObject({
      name: 'Night job',
      expires_at: expires,
      limits: { tokens_per_minute: 500 },
      allowed_models: null,
    });
    expect((await admin.post(page, { name: 'Night job', expires_at: '' })).status).toBe(303);
    expect(await key()).toMatchObject({ expires_at: null, limits: null });
    expect((await admin.post(`${page}/revoke`)).status).toBe(303);
    expect((await admin.get(page)).text).not.toContain('<form method="post" action="/admin/keys');
  });

  it('make a key that manages, for whom the API would make one', async () => {
    const fields = { name: 'scripts', team_id: company.teams.search, scopes: 'inference,management' };
    expect((await lead.post('/admin/keys', { ...fields, user_email: company.people.member.email })).text).toContain(
      'you can make and change your own only',
    );
    const made = await lead.post('/admin/keys', { ...fields, user_email: company.people.team_lead.email });
    const secret = /gw_[A-Za-z0-9_]{40,}/.exec(made.text)?.[0] ?? '';
    const me = await fetch(`${company.gateway.url}/api/v1/me`, { headers: { authorization: `Bearer ${secret}` } });
    expect(await me.json()).toMatchObject({ role: 'team_lead' });
  });

  it('re-rate past calls, once the difference was seen', async () => {
    const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
    expect(
      (await admin.post('/admin/prices', { model: 'openai/gpt-4o-mini', input: '900', output: '900' })).status,
    ).toBe(303);
    const wanted = { from: day(-1), to: day(0), model: 'gpt-4o-mini', reason: 'the list was old' };
    const page = '/admin/prices/re-rate';
    const seen = await admin.post(page, wanted);
    expect(seen.text).toContain('What it would come to');
    expect(seen.text).toContain('value="the list was old"');
    expect(await auditOf('price.re_rate')).toBeUndefined();
    const posted = await admin.post(`${page}/post`, wanted);
    expect(posted.text).toContain('What was posted');
    expect(await auditOf('price.re_rate')).toMatchObject({
      after: { reason: 'the list was old', model: 'gpt-4o-mini' },
    });
    expect((await admin.post(page, wanted)).text).not.toContain('Post the difference');
    expect((await lead.get(page)).status).toBe(403);
  });

  describe('that import a price file', () => {
    const page = '/admin/prices/import';
    const priced = (input: number): object => ({ input_cost_per_token: input, output_cost_per_token: 2e-6 });
    const kept = (text: string): string => /<textarea id="file"[^>]*>([^<]*)<\/textarea>/.exec(text)?.[1] ?? '';

    it.each([
      ['', 'Choose a file, or paste its content.'],
      ['{ "gpt-4o": ', 'The text is not JSON.'],
      ['["gpt-4o"]', 'The text is no price file'],
      ['{ "dall-e-3": { "output_cost_per_image": 0.04 } }', 'The file prices no model.'],
    ])('refuse %s beside the field, and keep it', async (file, told) => {
      const { status, text } = await admin.post(page, { file });
      expect(status).toBe(400);
      expect(/id="file-error"\s*>([^<]*)/.exec(text)?.[1]).toContain(told);
      expect(kept(text)).toBe(file.replaceAll('"', '&quot;'));
      expect((await admin.post(`${page}/apply`, { file })).status).toBe(400);
    });

    it('show what it would change, and change what was seen only', async () => {
      const file = JSON.stringify({
        'openai/gpt-4o': priced(9e-6),
        'house-model': priced(3e-6),
        'dall-e-3': { output_cost_per_image: 0.04 },
      });
      const preview = await admin.post(page, { file });
      expect(preview.status).toBe(200);
      expect(preview.text).toMatch(/<del>2.5<\/del> 9</);
      expect(preview.text).toContain('<code>house-model</code> <span class="pill good">new</span>');
      expect(preview.text).toContain('has no price for a prompt token');
      expect(preview.text).toContain('Import 2 prices');
      expect(await auditOf('price.import')).toBeUndefined();
      const seen = /name="seen" value="([^"]+)"/.exec(preview.text)?.[1] ?? '';
      const other = JSON.stringify({ 'house-model': priced(4e-6) });
      const changed = await admin.post(`${page}/apply`, { file: other, seen });
      expect({ status: changed.status, isBeside: changed.text.includes('id="file-error"') }).toEqual({
        status: 409,
        isBeside: true,
      });
      expect(kept(changed.text)).toBe(other.replaceAll('"', '&quot;'));
      expect(await auditOf('price.import')).toBeUndefined();
      const applied = await admin.post(`${page}/apply`, { file, seen });
      expect(applied.text).toContain('2 prices imported.');
      expect(await auditOf('price.import')).toMatchObject({
        after: { imported: 2, added: 1, unchanged: 0, skipped: [{ model: 'dall-e-3' }] },
      });
      expect((await company.gateway.admin('GET', '/prices/house-model')).body).toMatchObject({ source: 'import' });
      expect((await admin.post(page, { file })).text).toContain('There is nothing to import.');
      for (const model of ['openai/gpt-4o', 'house-model']) await admin.post('/admin/prices/remove', { model });
    });

    it('take a file as long as the management API does, of who may change prices', async () => {
      const long = JSON.stringify({ 'house-model': { ...priced(3e-6), source: '"'.repeat(4_000_000) } });
      expect((await admin.post(page, { file: long })).text).toContain('Import 1 price');
      const tooLong = await admin.post(page, { file: `{${' '.repeat(11_000_000)}}` });
      expect(tooLong.text).toContain('The text is longer than 10.0 MB');
      for (const address of [page, `${page}/apply`]) {
        expect((await lead.post(address, { file: '{}', seen: 'x' })).status).toBe(403);
      }
      expect((await lead.get(page)).status).toBe(403);
      // Nobody's long form is not even read.
      const nobody = new ConsoleClient(company.gateway.url);
      expect((await nobody.post(page, { file: 'x'.repeat(600_000) })).status).toBe(413);
    });
  });

  it('let a team lead make members of their teams, and nothing more', async () => {
    const form = (await lead.get('/admin/teams')).text;
    expect(form).toContain('<h2>New member</h2>');
    expect(form).not.toContain('name="role"');
    const fields = { name: 'New Hand', email: 'hand@example.com', team_ids: company.teams.search };
    const refusal = async (more: Record<string, string>): Promise<string | undefined> => {
      const { status, text } = await lead.post('/admin/teams/users', { ...fields, ...more });
      expect(status).toBe(400);
      return /role="alert">(.+?)<\/div>/.exec(text)?.[1];
    };
    expect(await refusal({ password: PASSWORD })).toContain('Passwords are set by administrators.');
    expect(await refusal({ role: 'team_lead' })).toContain('You can manage members only');
    expect(await refusal({ team_ids: company.teams.support })).toContain('There is no such team.');
    expect(await refusal({ team_ids: '' })).toContain('must name a team of yours');
    expect((await lead.post('/admin/teams/users', { ...fields, tokens_per_minute: '77' })).status).toBe(303);
    const { body } = await company.gateway.admin('GET', `/users?team_id=${company.teams.search}&limit=1`);
    expect(body).toMatchObject({
      data: [
        { email: fields.email, role: 'member', team_ids: [company.teams.search], limits: { tokens_per_minute: 77 } },
      ],
    });
  });

  it('change a user, and clear what is left empty', async () => {
    const { id } = company.people.member;
    const page = `/admin/teams/users/${id}`;
    const teams = [company.teams.search, company.teams.support];
    const fields = { name: 'Edsger W. Dijkstra', email: 'edsger@example.com', role: 'member', team_ids: teams };
    const limited = { ...fields, max_concurrency: '3', allowed_models: 'gpt-4o*' };
    expect((await admin.post(page, limited)).status).toBe(303);
    const user = async (): Promise<unknown> => (await company.gateway.admin('GET', `/users/${id}`)).body;
    expect(await user()).toMatchObject({
      name: fields.name,
      email: fields.email,
      team_ids: expect.arrayContaining(teams) as unknown,
      limits: { max_concurrency: 3 },
      allowed_models: ['gpt-4o*'],
    });
    expect(await auditOf('user.update')).toMatchObject({
      before: { name: 'Edsger Dijkstra' },
      after: { name: fields.name },
    });
    // Of a person in another team too a lead changes nothing but the teams; saving what is there changes nothing.
    const seen = { name: fields.name, team_ids: company.teams.search, max_concurrency: '3', allowed_models: 'gpt-4o*' };
    expect((await lead.post(page, { ...seen, name: 'Renamed' })).status).toBe(403);
    expect((await lead.post(page, seen)).status).toBe(303);
    expect(await user()).toMatchObject({ name: fields.name, team_ids: expect.arrayContaining(teams) as unknown });
    expect((await admin.post(page, { ...fields, team_ids: company.teams.search })).status).toBe(303);
    expect(await user()).toMatchObject({ team_ids: [company.teams.search], limits: null, allowed_models: null });
    expect((await lead.post(page, { name: 'Renamed', team_ids: company.teams.search })).status).toBe(303);
    expect(await user()).toMatchObject({ name: 'Renamed', email: fields.email });
    const leads = `/admin/teams/users/${company.people.team_lead.id}`;
    expect((await lead.get(leads)).text).not.toContain('<h2>Change</h2>');
  });

  it('disable, enable and delete a user, and nobody themselves', async () => {
    const { body } = await company.gateway.admin('POST', '/users', {
      email: 'gone@example.com',
      name: 'Gone',
      role: 'member',
      team_ids: [],
    });
    const page = `/admin/teams/users/${(body as { id: string }).id}`;
    expect((await admin.post(`${page}/disable`)).status).toBe(303);
    expect((await admin.get(page)).text).toContain('Disabled');
    expect((await admin.post(`${page}/enable`)).status).toBe(303);
    expect((await admin.post(`${page}/delete`)).status).toBe(303);
    expect((await admin.get(page)).status).toBe(404);
    const own = `/admin/teams/users/${company.people.admin.id}`;
    expect((await admin.post(`${own}/delete`)).text).toContain('Nobody deletes themselves');
    expect((await admin.get(own)).text).not.toContain('name="role"');
  });
});
