import { ThrottlerModule } from '@nestjs/throttler';
import fs from 'node:fs';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Module } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { AccessModule, AccessService, FirstRunService } from '../../src/access';
import { ManagementModule } from '../../src/admin/management/management.module';
import { DepartmentsController } from '../../src/admin/departments.controller';
import { KeysController } from '../../src/admin/keys.controller';
import { TeamsController } from '../../src/admin/teams.controller';
import { UsersController } from '../../src/admin/users.controller';
import { DatabaseModule } from '../../src/platform/database';
import { SecretsModule } from '../../src/platform/secrets/secrets.module';
import { TestPlatform } from '../support/platform';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

const ADMIN_KEY = 'test-admin-key-0123456789abcdef0123456789';

/** The four resources alone: the rest of the management API needs more around it. */
@Module({
  imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: 100_000 }]), AccessModule, ManagementModule],
  controllers: [DepartmentsController, TeamsController, UsersController, KeysController],
})
class AccessApiModule {}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

let app: NestExpressApplication;
let url: string;
let directory: string;
let departmentId: string;
let teamId: string;

async function send(method: string, route: string, body?: unknown, key: string | null = ADMIN_KEY): Promise<Answer> {
  const response = await fetch(`${url}/api/v1${route}`, {
    method,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

/** Creates and returns the id, which must be there. */
async function create(route: string, body: object): Promise<string> {
  const answer = await send('POST', route, body);
  expect(answer).toMatchObject({ status: 201, body: { id: expect.any(String) } });
  return String(answer.body['id']);
}

const refusal = (status: number, param: string | null, message: RegExp | string = /./) => ({
  status,
  body: {
    error: { param, message: expect.stringMatching(message), type: expect.any(String), code: expect.any(String) },
  },
});

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gateway-rest-'));
  const module = await Test.createTestingModule({
    imports: [
      ThrottlerModule.forRoot([{ ttl: 60_000, limit: 100_000 }]),
      TestPlatform.with({
        DATABASE_URL: await createTestDatabase(),
        GATEWAY_SECRET: 'test-secret-0123456789abcdef0123456789abcdef',
        GATEWAY_ADMIN_KEY: ADMIN_KEY,
        GATEWAY_DATA_DIR: directory,
      }),
      DatabaseModule,
      SecretsModule,
      AccessApiModule,
    ],
  }).compile();
  app = module.createNestApplication<NestExpressApplication>({ forceCloseConnections: true });
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  departmentId = await create('/departments', { name: 'Research' });
  teamId = await create('/teams', { name: 'search', department_id: departmentId });
}, 60_000);

afterAll(async () => {
  await app?.close();
  fs.rmSync(directory, { recursive: true, force: true });
});

describe('who may manage', () => {
  const routes: [method: string, route: string][] = ['departments', 'teams', 'users', 'keys'].flatMap((name) => [
    ['GET', `/${name}`],
    ['POST', `/${name}`],
    ['GET', `/${name}/x`],
    ['PATCH', `/${name}/x`],
    ['DELETE', `/${name}/x`],
  ]);
  routes.push(['POST', '/keys/x/rotate']);

  it.each(routes)('%s %s: nobody without a key, with a wrong one, or with one for inference', async (method, route) => {
    const demoKey = app.get(FirstRunService).result?.apiKey ?? '';
    for (const key of [null, 'wrong', `${ADMIN_KEY}x`, ADMIN_KEY.slice(0, -1), `gw_ABCDEFGH_${'a'.repeat(38)}`]) {
      expect(await send(method, route, undefined, key)).toMatchObject({
        status: 401,
        body: { error: { code: 'invalid_api_key' } },
      });
    }
    expect(await send(method, route, undefined, demoKey)).toMatchObject({
      status: 403,
      body: { error: { code: 'permission_denied', type: 'permission_error' } },
    });
  });

  it('a key with the scope "management", until it is deleted', async () => {
    const { body } = await send('POST', '/keys', { name: 'robot', team_id: teamId, scopes: ['management'] });
    const secret = String(body['secret']);
    expect((await send('GET', '/teams', undefined, secret)).status).toBe(200);
    expect((await send('DELETE', `/keys/${String(body['id'])}`)).status).toBe(204);
    while ((await send('GET', '/teams', undefined, secret)).status !== 401);
  });
});

describe('departments and teams', () => {
  it('are created, read, changed, listed and deleted', async () => {
    const department = await create('/departments', { name: 'Sales' });
    expect(department).toMatch(/^dep_[0-9a-z]{26}$/);
    const created = await send('POST', '/teams', {
      name: 'emea',
      department_id: department,
      limits: { requests_per_minute: 60, tokens_per_minute: 100_000, max_concurrency: 4 },
      allowed_models: ['gpt-4o*'],
    });
    const team = String(created.body['id']);
    expect(created.body).toEqual({
      id: expect.stringMatching(/^team_[0-9a-z]{26}$/),
      name: 'emea',
      department_id: department,
      limits: { requests_per_minute: 60, tokens_per_minute: 100_000, max_concurrency: 4 },
      allowed_models: ['gpt-4o*'],
      own_limits: null,
      store_content: false,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect((await send('GET', `/teams/${team}`)).body).toEqual(created.body);
    expect((await send('PATCH', `/teams/${team}`, {})).body).toEqual(created.body);
    const changed = await send('PATCH', `/teams/${team}`, { name: 'apac', limits: null });
    expect(changed.body).toEqual({ ...created.body, name: 'apac', limits: null });
    expect((await send('GET', `/teams?department_id=${department}`)).body).toEqual({
      data: [changed.body],
      next_cursor: null,
    });
    expect(await send('DELETE', `/departments/${department}`)).toMatchObject(refusal(409, null, /still has teams/));
    expect(await send('DELETE', `/teams/${team}`)).toEqual({ status: 204, body: {} });
    expect(await send('GET', `/teams/${team}`)).toMatchObject(refusal(404, null));
    expect(await send('DELETE', `/departments/${department}`)).toEqual({ status: 204, body: {} });
    expect(await send('DELETE', `/departments/${department}`)).toMatchObject(refusal(404, null));
  });

  it('may not be called the same', async () => {
    expect(await send('POST', '/departments', { name: 'Research' })).toMatchObject(refusal(409, 'name'));
    expect(await send('POST', '/teams', { name: 'search', department_id: departmentId })).toMatchObject(
      refusal(409, 'name'),
    );
    const other = await create('/departments', { name: 'Other' });
    await create('/teams', { name: 'search', department_id: other });
    expect(await send('PATCH', `/departments/${other}`, { name: 'Research' })).toMatchObject(refusal(409, 'name'));
  });

  it('are not deleted while a team has members or keys', async () => {
    const team = await create('/teams', { name: 'busy', department_id: departmentId });
    const user = await create('/users', { email: 'busy@example.com', name: 'B', team_ids: [team], role: 'member' });
    expect(await send('DELETE', `/teams/${team}`)).toMatchObject(refusal(409, null, /members/));
    await send('DELETE', `/users/${user}`);
    const key = await create('/keys', { name: 'k', team_id: team });
    expect(await send('DELETE', `/teams/${team}`)).toMatchObject(refusal(409, null, /keys/));
    await send('DELETE', `/keys/${key}`);
    expect((await send('DELETE', `/teams/${team}`)).status).toBe(204);
  });

  it('are listed page by page, each once, newest first', async () => {
    const department = await create('/departments', { name: 'Paged' });
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1)
      ids.push(await create('/teams', { name: `t${index}`, department_id: department }));
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null; pages += 1) {
      expect(pages).toBeLessThan(4);
      const more = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await send('GET', `/teams?department_id=${department}&limit=2${more}`);
      seen.push(...(body['data'] as { id: string }[]).map(({ id }) => id));
      cursor = body['next_cursor'] as string | null;
    }
    expect(seen).toEqual([...ids].sort().reverse());
  });
});

describe('users', () => {
  it('are created, changed, disabled and deleted, their keys with them', async () => {
    const created = await send('POST', '/users', {
      email: 'Ada@Example.com',
      name: 'Ada',
      team_ids: [teamId, teamId],
      role: 'team_lead',
    });
    expect(created).toEqual({
      status: 201,
      body: {
        id: expect.stringMatching(/^user_[0-9a-z]{26}$/),
        email: 'ada@example.com',
        name: 'Ada',
        team_ids: [teamId],
        role: 'team_lead',
        limits: null,
        allowed_models: null,
        disabled_at: null,
        created_at: expect.any(String),
      },
    });
    const id = String(created.body['id']);
    expect((await send('GET', `/users?team_id=${teamId}`)).body['data']).toEqual([created.body]);
    const changed = await send('PATCH', `/users/${id}`, { role: 'auditor', team_ids: [], disabled: true });
    expect(changed.body).toEqual({ ...created.body, role: 'auditor', team_ids: [], disabled_at: expect.any(String) });
    expect((await send('PATCH', `/users/${id}`, { disabled: false })).body['disabled_at']).toBeNull();
    const key = await create('/keys', { name: 'hers', team_id: teamId, user_id: id });
    expect((await send('DELETE', `/users/${id}`)).status).toBe(204);
    expect((await send('GET', `/users/${id}`)).status).toBe(404);
    expect((await send('GET', `/keys/${key}`)).status).toBe(404);
  });

  it('have an email of their own, whatever its case', async () => {
    const user = { email: 'one@example.com', name: 'One', team_ids: [], role: 'member' };
    await create('/users', user);
    expect(await send('POST', '/users', { ...user, email: 'ONE@example.com' })).toMatchObject(refusal(409, 'email'));
  });

  it('keep their teams when one of the new ones does not exist', async () => {
    const id = await create('/users', { email: 'two@example.com', name: 'Two', team_ids: [teamId], role: 'member' });
    const unknown = `team_${'0'.repeat(26)}`;
    expect(await send('PATCH', `/users/${id}`, { name: 'Changed', team_ids: [unknown] })).toMatchObject(
      refusal(400, 'team_ids'),
    );
    expect((await send('GET', `/users/${id}`)).body).toMatchObject({ name: 'Two', team_ids: [teamId] });
  });

  it('never show a password', async () => {
    const { body } = await send('GET', '/users');
    expect(JSON.stringify(body)).not.toMatch(/password|scrypt/);
  });
});

describe('keys', () => {
  it('show their secret at creation and rotation only', async () => {
    const created = await send('POST', '/keys', {
      name: 'backend',
      team_id: teamId,
      expires_at: '2999-12-31T23:59:59+02:00',
      limits: { max_concurrency: 1 },
      allowed_models: ['gpt-4o'],
    });
    const { secret, ...rest } = created.body;
    const id = String(rest['id']);
    expect(secret).toMatch(/^gw_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}$/);
    expect(rest).toEqual({
      id: expect.stringMatching(/^key_[0-9a-z]{26}$/),
      prefix: String(secret).slice(0, 11),
      name: 'backend',
      user_id: null,
      team_id: teamId,
      expires_at: '2999-12-31T21:59:59.000Z',
      limits: { max_concurrency: 1 },
      allowed_models: ['gpt-4o'],
      scopes: ['inference'],
      created_at: expect.any(String),
      last_used_at: null,
      disabled_at: null,
      revoked_at: null,
      previous_secret_expires_at: null,
    });
    expect((await send('GET', `/keys/${id}`)).body).toEqual(rest);
    expect(JSON.stringify((await send('GET', '/keys')).body)).not.toContain(String(secret));

    const rotated = await send('POST', `/keys/${id}/rotate`, { grace_seconds: 60 });
    expect(rotated).toMatchObject({ status: 200, body: { id, previous_secret_expires_at: expect.any(String) } });
    expect(rotated.body['secret']).not.toBe(secret);
    const access = app.get(AccessService);
    expect((await access.authenticate(String(secret))).keyId).toBe(id);
    expect((await access.authenticate(String(rotated.body['secret']))).keyId).toBe(id);
    expect((await send('POST', `/keys/${id}/rotate`)).status).toBe(200);

    const changed = await send('PATCH', `/keys/${id}`, {
      name: 'renamed',
      expires_at: null,
      limits: null,
      allowed_models: null,
    });
    expect(changed.body).toMatchObject({ name: 'renamed', expires_at: null, limits: null, allowed_models: null });
    expect('secret' in changed.body).toBe(false);
  });

  it('are switched off and on again', async () => {
    const made = await send('POST', '/keys', { name: 'resting', team_id: teamId });
    const [id, secret] = [String(made.body['id']), String(made.body['secret'])];
    const authenticates = async (): Promise<boolean> => {
      try {
        return (await app.get(AccessService).authenticate(secret)).keyId === id;
      } catch {
        return false;
      }
    };
    expect(await authenticates()).toBe(true);
    expect((await send('PATCH', `/keys/${id}`, { disabled: true })).body).toMatchObject({
      disabled_at: expect.any(String),
      revoked_at: null,
    });
    await until(async () => !(await authenticates()));
    expect((await send('PATCH', `/keys/${id}`, { disabled: false })).body).toMatchObject({ disabled_at: null });
    await until(authenticates);
    expect(await send('PATCH', `/keys/${id}`, { disabled: 'yes' })).toMatchObject(refusal(400, 'disabled'));
  });

  it('are gone after DELETE, and told of only when asked', async () => {
    const id = await create('/keys', { name: 'gone', team_id: teamId });
    expect((await send('DELETE', `/keys/${id}`)).status).toBe(204);
    for (const [method, route, body] of [
      ['GET', `/keys/${id}`, undefined],
      ['PATCH', `/keys/${id}`, { name: 'x' }],
      ['POST', `/keys/${id}/rotate`, {}],
      ['DELETE', `/keys/${id}`, undefined],
    ] as const) {
      expect(await send(method, route, body)).toMatchObject(refusal(404, null));
    }
    const ids = async (query: string): Promise<unknown[]> =>
      ((await send('GET', `/keys?team_id=${teamId}${query}`)).body['data'] as { id: string }[]).map((key) => key.id);
    expect(await ids('')).not.toContain(id);
    expect(await ids('&include_revoked=true')).toContain(id);
  });
});

describe('bad input', () => {
  const unknownTeam = `team_${'0'.repeat(26)}`;

  const key = (change: object): object => ({ name: 'bad', team_id: teamId, ...change });
  const keyBodies: [string, () => unknown, number, string | null][] = [
    ['an unknown field', () => key({ colour: 'red' }), 400, 'colour'],
    ['an unknown nested field', () => key({ limits: { requests_per_hour: 1 } }), 400, 'limits.requests_per_hour'],
    ['no name', () => ({ team_id: teamId }), 400, 'name'],
    ['a null name', () => key({ name: null }), 400, 'name'],
    ['a number as name', () => key({ name: 7 }), 400, 'name'],
    ['a blank name', () => key({ name: '   ' }), 400, 'name'],
    ['a name with NUL', () => key({ name: 'a\0b' }), 400, 'name'],
    ['a name of 101 characters', () => key({ name: 'x'.repeat(101) }), 400, 'name'],
    ['no team', () => ({ name: 'x' }), 400, 'team_id'],
    ['a team id of another kind', () => key({ team_id: departmentId }), 400, 'team_id'],
    ['an unknown team', () => key({ team_id: unknownTeam }), 400, 'team_id'],
    ['an unknown user', () => key({ user_id: `user_${'0'.repeat(26)}` }), 400, 'user_id'],
    ['a team id with SQL', () => key({ team_id: "team_' or '1'='1" }), 400, 'team_id'],
    ['a past expiry', () => key({ expires_at: '2020-01-01T00:00:00Z' }), 400, 'expires_at'],
    ['an expiry without a zone', () => key({ expires_at: '2999-01-01T00:00:00' }), 400, 'expires_at'],
    ['a day that does not exist', () => key({ expires_at: '2999-02-30T00:00:00Z' }), 400, 'expires_at'],
    ['an expiry in words', () => key({ expires_at: 'tomorrow' }), 400, 'expires_at'],
    ['limits as text', () => key({ limits: 'many' }), 400, 'limits'],
    ['limits as a list', () => key({ limits: [] }), 400, 'limits'],
    ['a zero limit', () => key({ limits: { requests_per_minute: 0 } }), 400, 'limits.requests_per_minute'],
    ['a negative limit', () => key({ limits: { tokens_per_minute: -1 } }), 400, 'limits.tokens_per_minute'],
    ['a fraction', () => key({ limits: { max_concurrency: 1.5 } }), 400, 'limits.max_concurrency'],
    ['an absurd limit', () => key({ limits: { requests_per_minute: 1e15 } }), 400, 'limits.requests_per_minute'],
    ['a limit as text', () => key({ limits: { requests_per_minute: '60' } }), 400, 'limits.requests_per_minute'],
    ['a null limit', () => key({ limits: { requests_per_minute: null } }), 400, 'limits.requests_per_minute'],
    ['no allowed model', () => key({ allowed_models: [] }), 400, 'allowed_models'],
    ['a number as model', () => key({ allowed_models: [1] }), 400, 'allowed_models'],
    ['a model twice', () => key({ allowed_models: ['a', 'a'] }), 400, 'allowed_models'],
    ['an unknown scope', () => key({ scopes: ['root'] }), 400, 'scopes'],
    ['no scope', () => key({ scopes: [] }), 400, 'scopes'],
    ['a prototype', () => `{"name":"x","team_id":"${teamId}","__proto__":{"admin":true}}`, 400, '__proto__'],
    ['a constructor', () => key({ constructor: { prototype: {} } }), 400, 'constructor'],
    ['a list', () => [key({})], 400, null],
    ['an empty list', () => [], 400, null],
    ['10,000 levels', () => `{"limits":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_001)}`, 400, null],
    ['nothing', () => ({}), 400, 'name'],
  ];

  it.each(keyBodies)('a key with %s', async (_, body, status, param) => {
    expect(await send('POST', '/keys', body())).toMatchObject(refusal(status, param));
  });

  it('names every problem at once', async () => {
    const { body } = await send('POST', '/users', { email: 'x', role: 'king', team_ids: 'all' });
    const { message, param } = body['error'] as { message: string; param: string };
    for (const field of ['email', 'name', 'team_ids', 'role']) expect(message).toContain(field);
    expect(param).toBe('email');
  });

  it.each(['name', 'department_id'])('null for %s does not pass a change', async (field) => {
    expect(await send('PATCH', `/teams/${teamId}`, { [field]: null })).toMatchObject(refusal(400, field));
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=nonsense', 'cursor'],
    ['cursor=team_%00', 'cursor'],
    ['cursor[a]=b', 'cursor[a]'],
    ['sort=name', 'sort'],
  ])('a list with ?%s', async (query, param) => {
    expect(await send('GET', `/teams?${query}`)).toMatchObject(refusal(400, param));
  });

  it.each(['x', '%00', "team_'--", `key_${'0'.repeat(26)}`, `team_${'0'.repeat(26)}`, 'team_'.padEnd(3_000, '0')])(
    'an id such as %j is not found',
    async (id) => {
      for (const method of ['GET', 'DELETE'])
        expect(await send(method, `/teams/${id}`)).toMatchObject(refusal(404, null));
    },
  );

  it.each([{ grace_seconds: -1 }, { grace_seconds: 604_801 }, { grace_seconds: '60' }, { grace_seconds: null }])(
    'a rotation with %j',
    async (body) => {
      const id = await create('/keys', { name: 'rotate me', team_id: teamId });
      expect(await send('POST', `/keys/${id}/rotate`, body)).toMatchObject(refusal(400, 'grace_seconds'));
    },
  );
});
