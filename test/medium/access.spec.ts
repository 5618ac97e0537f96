import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Test, type TestingModule } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import {
  AccessModule,
  AccessService,
  AdminKey,
  DepartmentsService,
  FirstRunService,
  KeysService,
  TeamsService,
  UsersService,
  type KeyFields,
  type NewKey,
} from '../../src/access';
import type { Identity } from '../../src/core/context';
import { InvalidApiKeyError } from '../../src/core/errors';
import { DatabaseModule, DatabaseNotifications } from '../../src/platform/database';
import { SecretsModule } from '../../src/platform/secrets/secrets.module';
import { TestPlatform } from '../support/platform';
import { TcpLink } from '../support/tcp-link';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

const SECRET = 'test-secret-0123456789abcdef0123456789abcdef';
const FIRST_PAGE = { limit: 50, cursor: null };
const open: TestingModule[] = [];
const directories: string[] = [];

function scratch(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gateway-access-'));
  directories.push(directory);
  return directory;
}

async function startReplica(url: string, variables: Record<string, string> = {}): Promise<TestingModule> {
  const module = await Test.createTestingModule({
    imports: [
      TestPlatform.with({ DATABASE_URL: url, GATEWAY_SECRET: SECRET, GATEWAY_DATA_DIR: scratch(), ...variables }),
      DatabaseModule,
      SecretsModule,
      AccessModule,
    ],
  }).compile();
  open.push(module);
  await module.init();
  await until(() => module.get(DatabaseNotifications).isConnected);
  return module;
}

async function addKey(module: TestingModule, fields: Partial<KeyFields> = {}): Promise<NewKey> {
  const [team] = (await module.get(TeamsService).list(FIRST_PAGE)).items;
  return module.get(KeysService).create({
    name: 'test',
    userId: null,
    teamId: team?.id ?? '',
    expiresAt: null,
    limits: null,
    allowedModels: null,
    scopes: ['inference'],
    ...fields,
  });
}

/** Authenticates whether it throws at once or later. */
const ask = async (module: TestingModule, key: string): Promise<Identity> =>
  module.get(AccessService).authenticate(key);

const isRefused = (module: TestingModule, key: string): Promise<boolean> =>
  ask(module, key).then(
    () => false,
    (error: unknown) => error instanceof InvalidApiKeyError,
  );

afterEach(async () => {
  for (const module of open.splice(0)) await module.close();
  for (const directory of directories.splice(0)) fs.rmSync(directory, { recursive: true, force: true });
});

describe('the first start', () => {
  it('makes a department, a team, an admin who can sign in, and a key that works', async () => {
    const dataDir = scratch();
    const module = await startReplica(await createTestDatabase(), { GATEWAY_DATA_DIR: dataDir });
    const file = path.join(dataDir, 'first-run.json');
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    const kept = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, string>;
    expect(Object.keys(kept)).toEqual(['admin_email', 'admin_password', 'api_key', 'admin_key']);
    expect(kept['admin_key']?.length).toBeGreaterThanOrEqual(32);
    expect(module.get(FirstRunService).result).toEqual({
      adminEmail: 'admin@localhost',
      generatedPassword: kept['admin_password'],
      apiKey: kept['api_key'],
    });
    expect(await ask(module, kept['api_key'] ?? '')).toMatchObject({
      teamName: 'Default',
      departmentName: 'Default',
      userEmail: 'admin@localhost',
      allowedModels: null,
      scopes: ['inference'],
    });
    const users = module.get(UsersService);
    expect(await users.signIn('Admin@Localhost', kept['admin_password'] ?? '')).toMatchObject({ role: 'admin' });
    expect(await users.signIn('admin@localhost', 'wrong')).toBeNull();
    expect(await users.signIn('nobody@localhost', kept['admin_password'] ?? '')).toBeNull();
  }, 60_000);

  it('takes what the operator has chosen', async () => {
    const dataDir = scratch();
    const chosen = {
      GATEWAY_DATA_DIR: dataDir,
      GATEWAY_ADMIN_EMAIL: 'root@example.com',
      GATEWAY_ADMIN_PASSWORD: 'a good password',
      GATEWAY_ADMIN_KEY: 'chosen-admin-key-0123456789abcdef012345',
    };
    const module = await startReplica(await createTestDatabase(), chosen);
    expect(module.get(FirstRunService).result).toMatchObject({
      adminEmail: 'root@example.com',
      generatedPassword: null,
    });
    // What he gave himself is not repeated.
    expect(JSON.parse(fs.readFileSync(path.join(dataDir, 'first-run.json'), 'utf8'))).toEqual({
      admin_email: 'root@example.com',
      admin_password: null,
      api_key: module.get(FirstRunService).result?.apiKey,
      admin_key: null,
    });
    expect(module.get(AdminKey).matches(chosen.GATEWAY_ADMIN_KEY)).toBe(true);
    const signedIn = await module.get(UsersService).signIn('root@example.com', chosen.GATEWAY_ADMIN_PASSWORD);
    expect(signedIn).toMatchObject({ role: 'admin' });
  }, 60_000);

  it('happens once, also when replicas start together', async () => {
    const url = await createTestDatabase();
    const dataDir = scratch();
    const replicas = await Promise.all([0, 1, 2].map(() => startReplica(url, { GATEWAY_DATA_DIR: dataDir })));
    const results = replicas.map((module) => module.get(FirstRunService).result);
    expect(results.filter((result) => result !== null)).toHaveLength(1);
    const [first] = replicas;
    if (!first) throw new Error('no replica');
    expect((await first.get(UsersService).list(FIRST_PAGE)).items).toHaveLength(1);
    const file = path.join(dataDir, 'first-run.json');
    const before = [fs.readFileSync(file, 'utf8'), fs.statSync(file).mtimeMs];
    const later = await startReplica(url, { GATEWAY_DATA_DIR: dataDir });
    expect(later.get(FirstRunService).result).toBeNull();
    expect([fs.readFileSync(file, 'utf8'), fs.statSync(file).mtimeMs]).toEqual(before);
  }, 60_000);

  it('needs a secret with a database of one’s own', async () => {
    const url = await createTestDatabase();
    const module = Test.createTestingModule({
      imports: [TestPlatform.with({ DATABASE_URL: url, GATEWAY_DATA_DIR: scratch() }), DatabaseModule, SecretsModule],
    });
    await expect(module.compile()).rejects.toThrow(/GATEWAY_SECRET/);
  });
});

describe('API keys', () => {
  it('are not in the database, in any form that could be used', async () => {
    const url = await createTestDatabase();
    const module = await startReplica(url);
    const { secret } = await addKey(module);
    const [, , body = ''] = secret.split('_');
    const tables = await module
      .get(DataSource)
      .query<{ row: string }[]>(
        'select row_to_json(k)::text as row from api_keys k union all select row_to_json(u)::text from users u',
      );
    const dump = tables.map(({ row }) => row).join('\n');
    expect(dump).toContain(secret.slice(3, 11));
    for (const part of [secret, body, body.slice(0, 12), Buffer.from(secret).toString('hex')])
      expect(dump).not.toContain(part);
  }, 60_000);

  it('carry what key, user, team and department say', async () => {
    const url = await createTestDatabase();
    const module = await startReplica(url);
    const [team] = (await module.get(TeamsService).list(FIRST_PAGE)).items;
    const [user] = (await module.get(UsersService).list(FIRST_PAGE)).items;
    await module.get(TeamsService).update(team?.id ?? '', { limits: { tokensPerMinute: 5 }, allowedModels: ['gpt*'] });
    await module.get(UsersService).update(user?.id ?? '', { limits: { requestsPerMinute: 7 } });
    await module.get(DepartmentsService).update(team?.departmentId ?? '', { limits: { requestsPerMinute: 11 } });
    const { secret, key } = await addKey(module, {
      userId: user?.id ?? null,
      limits: { maxConcurrency: 3 },
      allowedModels: ['gpt-4o'],
    });
    expect(await ask(module, secret)).toEqual({
      keyId: key.id,
      keyName: 'test',
      userId: user?.id,
      userEmail: 'admin@localhost',
      teamId: team?.id,
      teamName: 'Default',
      departmentId: team?.departmentId,
      departmentName: 'Default',
      allowedModels: [['gpt-4o'], ['gpt*']],
      limits: {
        key: { maxConcurrency: 3 },
        user: { requestsPerMinute: 7 },
        team: { tokensPerMinute: 5 },
        department: { requestsPerMinute: 11 },
      },
      scopes: ['inference'],
      storesContent: false,
    });
  }, 60_000);

  it('stop working on another replica within a second of their end', async () => {
    const url = await createTestDatabase();
    const [here, there] = [await startReplica(url), await startReplica(url)];
    const [user] = (await here.get(UsersService).list(FIRST_PAGE)).items;
    const userId = user?.id ?? '';
    const ends: Record<string, (key: NewKey) => Promise<unknown>> = {
      revoked: ({ key }) => here.get(KeysService).revoke(key.id),
      disabled: ({ key }) => here.get(KeysService).update(key.id, { disabled: true }),
      rotated: ({ key }) => here.get(KeysService).rotate(key.id, 0),
      'of a disabled user': () => here.get(UsersService).update(userId, { disabled: true }),
      'deleted by hand': ({ key }) => here.get(DataSource).query('delete from api_keys where id = $1', [key.id]),
    };
    for (const [how, end] of Object.entries(ends)) {
      await here.get(UsersService).update(userId, { disabled: false });
      const made = await addKey(here, { userId });
      await until(async () => !(await isRefused(there, made.secret)));
      expect({ how, isKept: !(there.get(AccessService).authenticate(made.secret) instanceof Promise) }).toEqual({
        how,
        isKept: true,
      });
      await end(made);
      const endedAt = performance.now();
      await until(() => isRefused(there, made.secret));
      // SEC-5 promises one second.
      expect(performance.now() - endedAt).toBeLessThan(1_000);
    }
  }, 60_000);

  it('work again everywhere after they were switched off and on, and stay off through a rotation', async () => {
    const url = await createTestDatabase();
    const [here, there] = [await startReplica(url), await startReplica(url)];
    const keys = here.get(KeysService);
    const { secret, key } = await addKey(here);
    const off = await keys.update(key.id, { disabled: true });
    expect(off.disabledAt).toBeInstanceOf(Date);
    await until(() => isRefused(there, secret));
    expect((await keys.update(key.id, { disabled: true })).disabledAt).toEqual(off.disabledAt);
    const rotated = await keys.rotate(key.id, 3_600);
    expect([await isRefused(there, secret), await isRefused(there, rotated.secret)]).toEqual([true, true]);
    expect((await keys.update(key.id, { disabled: false })).disabledAt).toBeNull();
    const enabledAt = performance.now();
    await until(async () => !(await isRefused(there, rotated.secret)));
    expect(performance.now() - enabledAt).toBeLessThan(1_000);
    expect((await ask(there, secret)).keyId).toBe(key.id);
  }, 60_000);

  it('change at once in what they may do', async () => {
    const url = await createTestDatabase();
    const [here, there] = [await startReplica(url), await startReplica(url)];
    const { secret, key } = await addKey(here);
    expect((await ask(there, secret)).limits.key).toBeNull();
    await here.get(KeysService).update(key.id, { limits: { requestsPerMinute: 9 } });
    await until(async () => (await ask(there, secret)).limits.key?.requestsPerMinute === 9);
    await here.get(TeamsService).update(key.teamId, { name: 'renamed' });
    await until(async () => (await ask(there, secret)).teamName === 'renamed');
  }, 60_000);

  it('have a grace after a rotation, and no longer', async () => {
    const module = await startReplica(await createTestDatabase());
    const { secret, key } = await addKey(module);
    const rotated = await module.get(KeysService).rotate(key.id, 3_600);
    expect(rotated.key.id).toBe(key.id);
    expect(rotated.secret).not.toBe(secret);
    expect((await ask(module, secret)).keyId).toBe(key.id);
    expect((await ask(module, rotated.secret)).keyId).toBe(key.id);
    await module
      .get(DataSource)
      .query("update api_keys set previous_expires_at = now() - interval '1 second' where id = $1", [key.id]);
    await until(() => isRefused(module, secret));
    expect(await isRefused(module, rotated.secret)).toBe(false);
  }, 60_000);

  it('work on while PostgreSQL is away, and are checked again when it is back', async () => {
    const url = await createTestDatabase();
    const link = await TcpLink.create(url);
    await link.restore();
    const here = await startReplica(link.through(url));
    const admin = await startReplica(url);
    const { secret, key } = await addKey(here);
    await ask(here, secret);
    await link.cut();
    await until(() => !here.get(DatabaseNotifications).isConnected);
    // Beyond the second for which memory is trusted without a question.
    await sleep(1_200);
    expect((await ask(here, secret)).keyId).toBe(key.id);
    await admin.get(KeysService).revoke(key.id);
    await link.restore();
    await until(() => isRefused(here, secret));
    await here.close();
    await link.cut();
  }, 60_000);

  it('remember when they were last used', async () => {
    const url = await createTestDatabase();
    const module = await startReplica(url);
    const { secret, key } = await addKey(module);
    await ask(module, secret);
    expect((await module.get(KeysService).get(key.id)).lastUsedAt).toBeNull();
    await module.close();
    const later = await startReplica(url);
    expect((await later.get(KeysService).get(key.id)).lastUsedAt).toBeInstanceOf(Date);
  }, 60_000);
});
