import { ConsoleClient } from '../browser/support/console-client';
import { PASSWORD, startCompany, type Company } from '../browser/support/company';
import { until } from '../support/until';

jest.setTimeout(240_000);

type Row = Record<string, unknown>;
interface Answer {
  readonly status: number;
  readonly body: Row;
}

describe('a team lead', () => {
  let company: Company;
  let lead: string;
  let given: string;

  const create = async (route: string, body: object): Promise<Record<string, string>> => {
    const answer = await company.gateway.admin('POST', route, body);
    if (answer.status !== 201) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as Record<string, string>;
  };
  const call = async (method: string, route: string, body?: object): Promise<Answer> => {
    const response = await fetch(`${company.gateway.url}/api/v1${route}`, {
      method,
      headers: {
        authorization: `Bearer ${lead}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Row) };
  };
  const refusal = (status: number, param: string | null) => ({ status, body: { error: { param } } });

  beforeAll(async () => {
    company = await startCompany();
    const { search } = company.teams;
    const fields = { name: 'lead', team_id: search, user_id: company.people.team_lead.id, scopes: ['management'] };
    lead = (await create('/keys', fields))['secret'] ?? '';
    await company.gateway.admin('PATCH', `/teams/${search}`, { limits: { requests_per_minute: 100 } });
    const budget = { name: 'given', scope: 'team', scope_id: search, limit_usd: '10', period: 'month' };
    given = (await create('/budgets', budget))['id'] ?? '';
  });
  afterAll(() => company.close());

  it('limits the team within what it was given, and takes that back', async () => {
    const route = `/teams/${company.teams.search}/own-limits`;
    expect(await call('PUT', route, { requests_per_minute: 101 })).toMatchObject(refusal(403, 'requests_per_minute'));
    expect(await call('PUT', route, { requests_per_minute: 3, max_concurrency: 2 })).toMatchObject({
      status: 200,
      body: { limits: { requests_per_minute: 100 }, own_limits: { requests_per_minute: 3, max_concurrency: 2 } },
    });
    const { body } = await company.gateway.admin('GET', `/limits/team/${company.teams.search}`);
    expect(body).toMatchObject({ requests: { limit: 3 } });
    const key = (await create('/keys', { name: 'busy', team_id: company.teams.search }))['secret'] ?? '';
    const statuses: number[] = [];
    for (let index = 0; index < 6; index += 1) {
      const id = await company.call({ key, model: 'gpt-4o', text: `Question ${index}` });
      statuses.push(Number((await company.gateway.recordOf(id))['status']));
    }
    expect(statuses).toContain(429);
    // Above what it was given it never gets: lowered by an administrator, the lower counts.
    await company.gateway.admin('PATCH', `/teams/${company.teams.search}`, { limits: { requests_per_minute: 2 } });
    const lowered = (await company.gateway.admin('GET', `/limits/team/${company.teams.search}`)).body;
    expect(lowered).toMatchObject({ requests: { limit: 2 } });
    await company.gateway.admin('PATCH', `/teams/${company.teams.search}`, { limits: { requests_per_minute: 100 } });
    expect((await call('PUT', route, {})).body).toMatchObject({ own_limits: null });
    expect((await call('PUT', `/teams/${company.teams.support}/own-limits`, {})).status).toBe(404);
  });

  it('divides what the team was given into budgets, and adds nothing to it', async () => {
    const { people, teams } = company;
    const day = { name: 'ours', scope: 'team', scope_id: teams.search, period: 'day' };
    expect(await call('POST', '/budgets', { ...day, limit_usd: '10.01' })).toMatchObject(refusal(403, 'limit_usd'));
    const made = await call('POST', '/budgets', { ...day, limit_usd: '2' });
    expect(made).toMatchObject({ status: 201, body: { delegated: true, limit_usd: '2' } });
    const id = String(made.body['id']);
    expect((await call('PATCH', `/budgets/${id}`, { limit_usd: '10' })).status).toBe(200);
    expect(await call('PATCH', `/budgets/${id}`, { limit_usd: '11' })).toMatchObject(refusal(403, 'limit_usd'));
    const later = { expires_at: new Date(Date.now() + 3_600_000).toISOString(), reason: 'more' };
    for (const [method, route, body] of [
      ['PATCH', `/budgets/${given}`, { limit_usd: '5' }],
      ['DELETE', `/budgets/${given}`, undefined],
      ['POST', `/budgets/${given}/top-ups`, { amount_usd: '5', ...later }],
      ['POST', `/budgets/${id}/top-ups`, { amount_usd: '5', ...later }],
      ['POST', '/budgets', { scope: 'organization', limit_usd: '1', period: 'day' }],
    ] as const) {
      expect({ route, ...(await call(method, route, body)) }).toMatchObject({ route, status: 403 });
    }
    // A member's, and a key's of the team; nobody's of another team, and no person's who is in another team too.
    const member = { scope: 'user', scope_id: people.member.id, limit_usd: '0.05', period: 'week' };
    expect((await call('POST', '/budgets', member)).status).toBe(201);
    // An administrator gave this person five cents a month.
    const more = { ...member, limit_usd: '0.06', period: 'day' };
    expect(await call('POST', '/budgets', more)).toMatchObject(refusal(403, 'limit_usd'));
    expect((await call('POST', '/budgets', { ...member, scope: 'key', scope_id: company.keys.own })).status).toBe(201);
    for (const [scope, scope_id] of [
      ['key', company.keys.foreign],
      ['team', teams.support],
      ['user', people.admin.id],
    ]) {
      const answer = await call('POST', '/budgets', { ...member, scope, scope_id });
      expect({ scope, ...answer }).toMatchObject({ scope, ...refusal(400, 'scope_id') });
    }
    const both = { email: 'both@example.com', name: 'Both', role: 'member', team_ids: [teams.search, teams.support] };
    const shared = (await create('/users', both))['id'];
    expect(await call('POST', '/budgets', { ...member, scope_id: shared })).toMatchObject(refusal(403, 'scope_id'));
    // What an administrator has changed is given.
    await company.gateway.admin('PATCH', `/budgets/${id}`, { limit_usd: '3' });
    expect((await call('PATCH', `/budgets/${id}`, { limit_usd: '4' })).status).toBe(403);
    const own = await call('POST', '/budgets', { ...day, period: 'hour', limit_usd: '1' });
    expect((await call('DELETE', `/budgets/${String(own.body['id'])}`)).status).toBe(204);
  });

  it('does the same on the pages, told beside the field what reaches too far', async () => {
    const client = new ConsoleClient(company.gateway.url);
    await client.signIn(company.people.team_lead.email, PASSWORD);
    const team = `/admin/teams/${company.teams.search}`;
    expect((await client.get(team)).text).toContain('Limit it further');
    const refused = await client.post(`${team}/own-limits`, { requests_per_minute: '5000' });
    expect(refused.status).toBe(400);
    expect(refused.text).toMatch(/value="5000"[^>]*>\s*<p class="field-error" id="own-rpm-error">Requests per minute/);
    expect((await client.post(`${team}/own-limits`, { requests_per_minute: '50' })).status).toBe(303);
    const form = await client.get('/admin/budgets/new');
    expect(form.text).toContain(company.teams.search);
    expect(form.text).not.toContain(company.teams.support);
    expect(form.text).not.toContain('value="organization"');
    const fields = { owner: `team:${company.teams.search}`, limit_usd: '99', period: 'hour', hard: 'true' };
    const tooMuch = await client.post('/admin/budgets', fields);
    expect(tooMuch.status).toBe(400);
    expect(tooMuch.text).toMatch(/id="limit_usd-error">Limit usd must be at most 3/);
    const made = await client.post('/admin/budgets', { ...fields, limit_usd: '2' });
    expect(made.status).toBe(303);
    const page = await client.get(made.headers.get('location') ?? '');
    expect(page.text).toContain('set by a team lead');
    expect(page.text).not.toContain('top-ups"');
    const givenPage = await client.get(`/admin/budgets/${given}`);
    expect(givenPage.text).not.toContain('Delete budget');
    const { body } = await company.gateway.admin('GET', `/audit?target=${company.teams.search}&action=team.limit`);
    await until(() => (body as { data: Row[] }).data.length >= 2);
  });
});
