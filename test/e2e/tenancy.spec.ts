import fc from 'fast-check';
import type { UserRole } from '../../src/access';
import type { DeclaredRoute } from '../../src/admin/authority/declared-routes';
import { RoutePermissions } from '../../src/admin/authority/route-permissions';
import { ConsoleClient } from '../browser/support/console-client';
import { PASSWORD, startCompany, type Company } from '../browser/support/company';
import { guarantee } from '../support/guarantee';

jest.setTimeout(240_000);

type Row = Record<string, unknown>;
interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Row;
}

const ROLES = ['team_lead', 'member'] as const satisfies readonly UserRole[];
const ESCALATION_ATTEMPTS = 80;
const LIMITS = { requests_per_minute: 100, max_concurrency: 10 };
const MODELS = ['gpt-4o*'];

describe('what is somebody else’s', () => {
  let company: Company;
  let routes: DeclaredRoute[];
  /** An id of the other tenant for each kind, by the word that routes use. */
  const foreign: Record<string, string> = {};
  const keys = {} as Record<(typeof ROLES)[number], string>;
  const clients = {} as Record<(typeof ROLES)[number], ConsoleClient>;

  const call = async (key: string, method: string, path: string, body?: unknown, accept = '*/*'): Promise<Answer> => {
    const response = await fetch(`${company.gateway.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, text, body: isJson && text !== '' ? (JSON.parse(text) as Row) : {} };
  };
  const create = async (route: string, body: object): Promise<Record<string, string>> => {
    const answer = await company.gateway.admin('POST', route, body);
    if (answer.status !== 201) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as Record<string, string>;
  };

  beforeAll(async () => {
    company = await startCompany();
    routes = company.gateway.app.get(RoutePermissions).routes();
    const department = await create('/departments', { name: 'Foreign affairs' });
    const team = await create('/teams', { name: 'foreign team', department_id: department['id'] });
    const eve = { email: 'eve@example.com', name: 'Eve foreign', role: 'member', team_ids: [team['id']] };
    const user = await create('/users', eve);
    const key = await create('/keys', { name: 'foreign key', team_id: team['id'], user_id: user['id'] });
    const money = { limit_usd: '1', period: 'month', scope: 'team', scope_id: team['id'], name: 'foreign budget' };
    const budget = await create('/budgets', money);
    await create('/budgets', { ...money, scope_id: company.teams.search, name: 'own budget' });
    const request = await company.call({ key: key['secret'] ?? '', model: 'gpt-4o', text: 'Foreign words.' });
    await company.gateway.recordOf(request);
    Object.assign(foreign, {
      departments: department['id'],
      teams: team['id'],
      users: user['id'],
      keys: key['id'],
      budgets: budget['id'],
      requests: request,
    });
    for (const role of ROLES) {
      const fields = { name: role, team_id: company.teams.search, user_id: company.people[role].id };
      keys[role] = (await create('/keys', { ...fields, scopes: ['management'] }))['secret'] ?? '';
      clients[role] = new ConsoleClient(company.gateway.url);
      expect((await clients[role].signIn(company.people[role].email, PASSWORD)).status).toBe(303);
    }
  });
  afterAll(() => company.close());

  /** The address for an id of the other tenant, and for one that nobody has. */
  function addressesOf({ path }: DeclaredRoute): [theirs: string, nobodys: string] {
    const words = path.split('/');
    const kind = words.find((word) => word in foreign);
    const id = (kind === undefined ? undefined : foreign[kind]) ?? 'none';
    const missing = `${id.split('_')[0]}_${'7'.repeat(26)}`;
    const fill = (value: string): string => path.replace(/:id\b/, value).replace(/:\w+/g, 'none');
    if (path === '/api/v1/limits/:scope/:id') {
      return [`/api/v1/limits/team/${foreign['teams']}`, `/api/v1/limits/team/team_${'7'.repeat(26)}`];
    }
    return [fill(id), fill(missing)];
  }
  const essence = (text: string, address: string): string =>
    text
      .replaceAll(/[a-z]+_[0-9a-z]{26}/g, 'ID')
      .replaceAll(/value="[^"]*"/g, '')
      .replaceAll(address, 'ADDRESS');

  it('is as good as nothing on every route with an id, for every role that does not see all', async () => {
    const wrong: string[] = [];
    let checked = 0;
    const withIds = routes.filter(({ path }) => path.includes(':'));
    for (const role of ROLES) {
      const token = await clients[role].token();
      for (const route of withIds) {
        const isPage = route.path.startsWith('/admin');
        const send = (address: string): Promise<{ status: number; text: string }> => {
          if (!isPage) return call(keys[role], route.method, address, route.method === 'GET' ? undefined : {});
          return route.method === 'GET' ? clients[role].get(address) : clients[role].post(address, {}, { token });
        };
        const [theirs, nobodys] = addressesOf(route);
        const [one, other] = [await send(theirs), await send(nobodys)];
        checked += 1;
        const isRefused = [400, 403, 404].includes(one.status) && one.status === other.status;
        // A body that is wrong is refused before anybody looks for the id; it says nothing about it.
        if (!isRefused || essence(one.text, theirs) !== essence(other.text, nobodys)) {
          wrong.push(`${role} ${route.method} ${route.path}: ${one.status} and ${other.status}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    for (const [kind, id] of Object.entries(foreign)) {
      expect({ kind, status: (await company.gateway.admin('GET', `/${kind}/${id}`)).status }).toEqual({
        kind,
        status: 200,
      });
    }
    expect(checked).toBeGreaterThan(50);
    guarantee(
      'SEC-3',
      `${checked} of ${checked} pairs of role and route with an id answer a foreign id like one of nobody`,
    );
  });

  it('is refused with 404 or 403 where the body is right', async () => {
    const calls: [string, string, unknown][] = [
      ['PATCH', `/keys/${foreign['keys']}`, { name: 'mine' }],
      ['POST', `/keys/${foreign['keys']}/rotate`, {}],
      ['DELETE', `/keys/${foreign['keys']}`, undefined],
      ['PATCH', `/users/${foreign['users']}`, { name: 'mine' }],
      ['PATCH', `/teams/${foreign['teams']}`, { name: 'mine' }],
      ['PATCH', `/budgets/${foreign['budgets']}`, { limit_usd: '9' }],
    ];
    for (const role of ROLES) {
      for (const [method, path, body] of calls) {
        const { status } = await call(keys[role], method, `/api/v1${path}`, body);
        expect({ role, method, path, isRefused: status === 403 || status === 404 }).toMatchObject({ isRefused: true });
      }
    }
  });

  it('is in no list, report or export', async () => {
    let rows = 0;
    const page = encodeURIComponent;
    for (const role of ROLES) {
      const { id } = company.people[role];
      const lists = routes.filter(
        ({ method, path }) => method === 'GET' && !path.includes(':') && path.startsWith('/api/'),
      );
      const addresses = [
        ...lists.map(({ path }) => path),
        ...['team', 'user', 'key'].map((name) => `/api/v1/requests?${name}=${foreign[`${name}s`]}`),
        `/api/v1/keys?team_id=${foreign['teams']}&include_revoked=true`,
        `/api/v1/keys?user_id=${foreign['users']}`,
        `/api/v1/users?team_id=${foreign['teams']}`,
        `/api/v1/teams?department_id=${foreign['departments']}`,
        `/api/v1/usage?group_by=${page('day,team,user,department,key')}`,
        `/api/v1/usage?group_by=${page('department')}`,
      ];
      for (const address of addresses) {
        const json = await call(keys[role], 'GET', address);
        const csv = await call(keys[role], 'GET', address, undefined, 'text/csv');
        expect([200, 403]).toContain(json.status);
        for (const value of [...Object.values(foreign), 'foreign', 'Eve']) {
          expect(json.text).not.toContain(value);
          expect(csv.text).not.toContain(value);
        }
        rows += Array.isArray(json.body['data']) ? json.body['data'].length : 0;
      }
      const seen = (await call(keys[role], 'GET', '/api/v1/requests?limit=200')).body['data'] as Row[];
      const isOwn = (row: Row): boolean =>
        role === 'member' ? row['user_id'] === id : row['team_id'] === company.teams.search;
      expect(seen.length).toBeGreaterThan(5);
      expect(seen.filter((row) => !isOwn(row))).toEqual([]);
      // Sums are of the same requests, and no others.
      const [sum] = (await call(keys[role], 'GET', '/api/v1/usage')).body['data'] as Row[];
      expect(sum?.['requests']).toBe(seen.length);
    }
    const all = (await company.gateway.admin('GET', '/requests?limit=200')).body as { data: Row[] };
    expect(JSON.stringify(all)).toContain(foreign['keys']);
    guarantee('SEC-9', `0 foreign rows among ${rows} of every list, report and export, for ${ROLES.join(' and ')}`);
  });

  it('nobody grants more than they hold', async () => {
    const { people, teams } = company;
    const restricted = { limits: LIMITS, allowed_models: MODELS };
    expect((await company.gateway.admin('PATCH', `/teams/${teams.search}`, restricted)).status).toBe(200);
    const limit = fc.option(fc.constantFrom(1, 5, 10, 11, 100, 101), { nil: undefined });
    const fields = {
      limits: fc.option(fc.record({ requests_per_minute: limit, max_concurrency: limit }), { nil: undefined }),
      allowed_models: fc.option(
        fc.uniqueArray(fc.constantFrom('gpt-4o', 'gpt-4o-mini*', 'gpt-*', '*', 'claude-3'), { minLength: 1 }),
        { nil: undefined },
      ),
    };
    const teamId = fc.constantFrom(...Array<string>(5).fill(teams.search), teams.support, foreign['teams'] ?? '');
    const userId = fc.constantFrom(undefined, people.team_lead.id, people.member.id, people.admin.id, foreign['users']);
    const scopes = fc.constantFrom(undefined, ['inference'], ['management'], ['inference', 'management']);
    const key = fc.record({ name: fc.constant('k'), team_id: teamId, user_id: userId, scopes, ...fields });
    let number = 0;
    const user = fc.record({
      name: fc.constant('u'),
      email: fc.constant(null).map(() => `made-${(number += 1)}@example.com`),
      role: fc.constantFrom('member', 'member', 'team_lead', 'auditor', 'admin'),
      team_ids: fc.uniqueArray(teamId, { maxLength: 2 }),
      ...fields,
    });
    const own = await create('/keys', { name: 'own', team_id: teams.search, user_id: people.team_lead.id });
    // The team was given one dollar a month.
    const budget = fc.record({
      name: fc.constant('b'),
      scope: fc.constantFrom('team', 'user', 'key', 'organization'),
      scope_id: fc.constantFrom(teams.search, people.member.id, own['id'], teams.support, foreign['keys']),
      limit_usd: fc.constantFrom('0.5', '1', '1.01', '7'),
      period: fc.constantFrom('hour', 'day', 'month'),
    });
    const target = fc.constantFrom(...Object.values(people).map(({ id }) => id), foreign['users'] ?? '');
    const attempt = fc.oneof(
      key.map((body) => ['POST', '/keys', body] as const),
      user.map((body) => ['POST', '/users', body] as const),
      fc
        .tuple(target, fc.record({ role: fc.constantFrom('member', 'admin', 'team_lead'), ...fields }))
        .map(([id, body]) => ['PATCH', `/users/${id}`, body] as const),
      fc.record({ scopes, ...fields }).map((body) => ['PATCH', `/keys/${own['id']}`, body] as const),
      fc.record(fields).map((body) => ['PATCH', `/teams/${teams.search}`, body] as const),
      fc
        .record({ requests_per_minute: limit, max_concurrency: limit })
        .map((body) => ['PUT', `/teams/${teams.search}/own-limits`, body] as const),
      budget.map((body) => ['POST', '/budgets', body] as const),
    );
    const seed = Date.now() % 2 ** 31;
    const escalations: string[] = [];
    let accepted = 0;
    const within = { limits: { requests_per_minute: 100 }, allowed_models: ['gpt-4o'] };
    const plain = { name: 'plain', team_id: teams.search };
    const member = { name: 'm', email: 'plain@example.com', role: 'member', team_ids: [teams.search] };
    const honest = [
      ['POST', '/keys', plain],
      ['POST', '/keys', { ...plain, ...within }],
      ['POST', '/users', { ...member, ...within }],
      ['PATCH', `/keys/${own['id']}`, within],
    ] as const;
    const attempts = [...honest, ...fc.sample(attempt, { numRuns: ESCALATION_ATTEMPTS, seed })];
    for (const [method, path, body] of attempts) {
      for (const role of ROLES) {
        const answer = await call(keys[role], method, `/api/v1${path}`, body);
        expect(answer.status).toBeLessThan(500);
        if (answer.status >= 300) continue;
        accepted += 1;
        if (!isWithinHoldings(answer.body, role)) escalations.push(`${role} ${method} ${path} ${JSON.stringify(body)}`);
      }
    }
    expect(escalations).toEqual([]);
    expect(accepted).toBeGreaterThanOrEqual(honest.length);
    guarantee(
      'ADM-4',
      `0 escalations in ${attempts.length * ROLES.length} attempts, ${accepted} of them allowed`,
      seed,
    );
  });

  /** By the words of the promise, not by the code that keeps it. */
  function isWithinHoldings(made: Row, role: (typeof ROLES)[number]): boolean {
    if (role === 'member') return false;
    if ('limit_usd' in made) return made['delegated'] === true && Number(made['limit_usd']) <= 1;
    if ('own_limits' in made) {
      const own = (made['own_limits'] ?? {}) as Record<string, number>;
      return (
        made['id'] === company.teams.search && Object.entries(LIMITS).every(([name, most]) => (own[name] ?? 0) <= most)
      );
    }
    const limits = (made['limits'] ?? {}) as Record<string, number>;
    const isBounded = Object.entries(LIMITS).every(([name, most]) => (limits[name] ?? 0) <= most);
    const models = (made['allowed_models'] ?? []) as string[];
    if (!isBounded || !models.every((name) => name.startsWith('gpt-4o'))) return false;
    if ('role' in made) {
      return made['role'] === 'member' && (made['team_ids'] as string[]).every((id) => id === company.teams.search);
    }
    const manages = (made['scopes'] as string[] | undefined)?.includes('management') === true;
    return made['team_id'] === company.teams.search && (!manages || made['user_id'] === company.people[role].id);
  }

  it('lists are bounded, and what a spreadsheet would run is text', async () => {
    const lists = Object.entries(
      (
        (await (await fetch(`${company.gateway.url}/docs-json`)).json()) as {
          paths: Record<string, { get?: { parameters?: Row[] } }>;
        }
      ).paths,
    ).filter(([path, { get }]) => path.startsWith('/api/') && get?.parameters?.some(({ name }) => name === 'limit'));
    for (const [path] of lists) {
      const { status } = await company.gateway.admin(
        'GET',
        `${path.replace('/api/v1', '').replace('{id}', `hook_${'0'.repeat(26)}`)}?limit=201`,
      );
      expect({ path, status }).toEqual({ path, status: 400 });
    }
    const evil = '=cmd|calc';
    const response = await fetch(`${company.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${company.gateway.apiKey}`,
        'content-type': 'application/json',
        'x-gateway-metadata': JSON.stringify({ app: evil }),
      },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }], max_tokens: 5 }),
    });
    await company.gateway.recordOf(response.headers.get('x-request-id') ?? '');
    const csv = await fetch(`${company.gateway.url}/api/v1/usage?group_by=metadata.app`, {
      headers: { authorization: `Bearer test-admin-key-0123456789abcdef0123456789`, accept: 'text/csv' },
    });
    expect(await csv.text()).toContain(`'${evil}`);
    const began = performance.now();
    for (const text of ['%%%%', '%'.repeat(500), '_%_%', '\\%']) {
      const { status, body } = await company.gateway.admin('GET', `/requests?model=${encodeURIComponent(text)}`);
      expect([status, (body as { data: unknown[] }).data]).toEqual([200, []]);
    }
    const perSearchMs = Math.round((performance.now() - began) / 4);
    guarantee(
      'ADM-8',
      `${lists.length} lists refuse limit=201; a search for wildcards takes ${perSearchMs} ms; formulas are text`,
    );
  });
});
