import { USER_ROLES, type UserRole } from '../../src/access';
import type { DeclaredRoute } from '../../src/admin/authority/declared-routes';
import { mayDo } from '../../src/admin/authority/permissions';
import { RoutePermissions } from '../../src/admin/authority/route-permissions';
import { startGateway, type TestGateway } from '../support/gateway';
import { guarantee } from '../support/guarantee';

jest.setTimeout(120_000);

const NOBODY = '0'.repeat(26);

describe('permissions of the management API', () => {
  let gateway: TestGateway;
  let routes: DeclaredRoute[];
  const keys = new Map<UserRole, string>();

  const create = async (route: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await gateway.admin('POST', route, body);
    expect(answer.status).toBe(201);
    return answer.body as Record<string, unknown>;
  };
  const call = (method: string, path: string, key: string): Promise<Response> =>
    fetch(gateway.url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(method === 'GET' ? {} : { body: '{"not_a_field":true}' }),
    });
  /** An address of the route that names nothing. */
  const concrete = (path: string): string => path.replace(/:id/g, `key_${NOBODY}`).replace(/:\w+/g, 'none');

  beforeAll(async () => {
    gateway = await startGateway('providers: { simulator: { models: [gpt-4o-mini] } }');
    routes = gateway.app.get(RoutePermissions).routes();
    const department = await create('/departments', { name: 'Research' });
    const team = await create('/teams', { name: 'search', department_id: department['id'] });
    for (const role of USER_ROLES) {
      const person = { email: `${role}@example.com`, name: role, role, team_ids: [team['id']] };
      const user = await create('/users', person);
      const fields = { name: role, team_id: team['id'], user_id: user['id'], scopes: ['management'] };
      keys.set(role, String((await create('/keys', fields))['secret']));
    }
  });
  afterAll(() => gateway.close());

  it('are declared by every route there is', async () => {
    const api = routes.filter(({ path }) => path.startsWith('/api/'));
    const pages = routes.filter(({ path }) => path.startsWith('/admin'));
    expect(api.length).toBeGreaterThan(40);
    expect(pages.length).toBeGreaterThan(20);
    const undeclared = routes.filter(({ permission }) => permission === undefined);
    expect(undeclared).toEqual([]);
    expect(api.filter(({ permission }) => permission === 'public')).toEqual([]);
    const document = (await (await fetch(`${gateway.url}/docs-json`)).json()) as { paths: Record<string, object> };
    const documented = Object.keys(document.paths).filter((path) => path.startsWith('/api/'));
    expect(new Set(api.map(({ path }) => path.replace(/:(\w+)/g, '{$1}')))).toEqual(new Set(documented));
    guarantee('ADM-3', `${routes.length} routes of API and console declare a permission, ${undeclared.length} do not`);
  });

  it.each(USER_ROLES)('of %s hold on every route', async (role) => {
    const wrong: string[] = [];
    for (const { method, path, permission } of routes.filter((route) => route.path.startsWith('/api/'))) {
      const { status } = await call(method, concrete(path), keys.get(role) ?? '');
      const may = permission !== undefined && mayDo(role, permission);
      // Whoever may is refused for the nonsense they send, if at all; nothing of it changes anything.
      const isRight = may ? status !== 401 && status !== 403 && status < 500 : status === 403;
      if (!isRight) wrong.push(`${method} ${path}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });

  it('let an auditor read everything and change nothing', () => {
    const changes = routes.filter(({ method, path }) => method !== 'GET' && !path.includes('/sign-'));
    const allowed = changes.filter(
      ({ permission, path }) => permission && mayDo('auditor', permission) && !path.startsWith('/admin/account'),
    );
    expect(allowed).toEqual([]);
    const reads = routes.filter(({ method, path }) => method === 'GET' && path.startsWith('/api/'));
    expect(reads.filter(({ permission }) => permission && !mayDo('auditor', permission))).toEqual([]);
  });

  it('are told by /me', async () => {
    const answer = await call('GET', '/api/v1/me', keys.get('team_lead') ?? '');
    expect(await answer.json()).toMatchObject({
      kind: 'key',
      role: 'team_lead',
      team_ids: [expect.stringMatching(/^team_/)],
      permissions: expect.arrayContaining(['keys.write', 'usage.read']),
    });
    expect((await gateway.admin('GET', '/me')).body).toMatchObject({
      kind: 'admin_key',
      role: 'admin',
      team_ids: null,
    });
  });

  it('follow a change of role at once', async () => {
    const { body } = await gateway.admin('GET', '/users?limit=10');
    const member = (body as { data: { id: string; role: string }[] }).data.find(({ role }) => role === 'member');
    const key = keys.get('member') ?? '';
    expect((await call('GET', '/api/v1/config', key)).status).toBe(403);
    await gateway.admin('PATCH', `/users/${member?.id}`, { role: 'auditor' });
    expect((await call('GET', '/api/v1/config', key)).status).toBe(200);
    await gateway.admin('PATCH', `/users/${member?.id}`, { role: 'member' });
    expect((await call('GET', '/api/v1/config', key)).status).toBe(403);
  });
});
