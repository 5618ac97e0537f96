import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { DataSource, type EntityTarget, type ObjectLiteral } from 'typeorm';
import { databaseOptions } from '../../src/platform/database/database-options';
import { migrate } from '../../src/platform/database';
import { Child } from '../support/child';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';

const ROOT = path.resolve(__dirname, '../..');
const FILES = fs.readdirSync(path.join(ROOT, 'migrations')).filter((name) => name.endsWith('.js'));

type Entity = EntityTarget<ObjectLiteral> & (new () => object);

/** The classes of every `*.entity.ts` in `src/`. */
function allEntities(directory = path.join(ROOT, 'src')): Entity[] {
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) return allEntities(full);
    if (!entry.name.endsWith('.entity.ts')) return [];
    return Object.values(require(full) as Record<string, unknown>).filter(
      (value) => typeof value === 'function',
    ) as Entity[];
  });
}

async function open(entities: Entity[] = []): Promise<DataSource> {
  return new DataSource({ ...databaseOptions(await createTestDatabase()), entities }).initialize();
}

const tablesOf = async (dataSource: DataSource): Promise<string[]> => {
  const rows = await dataSource.query<{ name: string }[]>(
    "select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'migrations' order by 1",
  );
  return rows.map(({ name }) => name);
};

describe('the migrations', () => {
  it('go up, down to nothing, and up again', async () => {
    const dataSource = await open();
    const applied = await migrate(dataSource);
    expect(applied).toHaveLength(FILES.length);
    const tables = await tablesOf(dataSource);
    expect(tables).toEqual(expect.arrayContaining(['api_keys', 'departments', 'teams', 'user_teams', 'users']));

    for (const _ of FILES) await dataSource.undoLastMigration({ transaction: 'each' });
    expect(await tablesOf(dataSource)).toEqual([]);
    const functions = await dataSource.query<object[]>(
      "select proname from pg_proc where pronamespace = 'public'::regnamespace",
    );
    expect(functions).toEqual([]);

    expect(await migrate(dataSource)).toEqual(applied);
    expect(await tablesOf(dataSource)).toEqual(tables);
    expect(await migrate(dataSource)).toEqual([]);
    await dataSource.destroy();
  });

  it('are applied once when five connections start at the same moment', async () => {
    const url = await createTestDatabase();
    const replicas = await Promise.all([1, 2, 3, 4, 5].map(() => new DataSource(databaseOptions(url)).initialize()));
    const applied = await Promise.all(replicas.map((replica) => migrate(replica)));
    expect(applied.map(({ length }) => length).sort((one, other) => one - other)).toEqual([0, 0, 0, 0, FILES.length]);
    for (const replica of replicas) await replica.destroy();
  });

  it('leave a schema that is exactly what the entities say', async () => {
    const entities = allEntities();
    expect(entities.length).toBeGreaterThan(4);
    const dataSource = await open(entities);
    await migrate(dataSource);
    const log = await dataSource.driver.createSchemaBuilder().log();
    expect(log.upQueries.map(({ query }) => query)).toEqual([]);
    await dataSource.destroy();
  });
});

describe('npm run migrate', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gateway-migrate-'));
  const config = path.join(directory, 'gateway.yaml');
  fs.writeFileSync(config, 'cache: { enabled: true }\n');

  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

  const start = (url: string): Child =>
    Child.run(path.join(ROOT, 'src/migrate.ts'), [], {
      env: { DATABASE_URL: url, GATEWAY_CONFIG: config, GATEWAY_DATA_DIR: directory, NO_COLOR: '1' },
    });

  it('five at once on an empty database apply each migration once', async () => {
    const url = await createTestDatabase();
    const children = Array.from({ length: 5 }, () => start(url));
    const codes = await Promise.all(children.map(({ exit }) => exit));
    const texts = children.map(({ text }) => text);
    expect({ codes, texts }).toEqual({ codes: [0, 0, 0, 0, 0], texts });
    expect(texts.filter((text) => text.includes('Migrations applied'))).toHaveLength(1);
    expect(texts.filter((text) => text.includes('The schema is up to date'))).toHaveLength(5);
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ name: string }>('select name from migrations order by id');
    await client.end();
    expect(new Set(rows.map(({ name }) => name)).size).toBe(FILES.length);
    expect(rows).toHaveLength(FILES.length);
  }, 60_000);

  it('waits for a replica that migrates, and goes on when that one dies', async () => {
    const url = await createTestDatabase();
    const replica = new Client({ connectionString: url });
    replica.on('error', () => {});
    await replica.connect();
    await replica.query('select pg_advisory_lock(7274011)');
    const waiting = start(url);
    const watcher = new Client({ connectionString: url });
    await watcher.connect();
    const asks = async (): Promise<boolean> =>
      (
        await watcher.query(
          "select 1 from pg_stat_activity where datname = current_database() and query like '%pg_try_advisory_lock%' and pid <> pg_backend_pid()",
        )
      ).rowCount === 1;
    await until(asks);
    const { rows } = await watcher.query<{ missing: boolean }>("select to_regclass('migrations') is null as missing");
    expect(rows).toEqual([{ missing: true }]);
    await watcher.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objid = 7274011",
    );
    await watcher.end();
    const code = await waiting.exit;
    expect({ code, text: waiting.text }).toMatchObject({
      code: 0,
      text: expect.stringContaining('Migrations applied'),
    });
    await replica.end().catch(() => {});
  }, 60_000);

  it('says what to do, and not the password, when it cannot log in', async () => {
    const url = new URL(await createTestDatabase());
    url.password = 'hunter2hunter2';
    const child = start(url.toString());
    expect(await child.exit).toBe(1);
    expect(child.text).toMatch(
      /Cannot use the database PostgreSQL at 127\.0\.0\.1:\d+\/test_\w+: password authentication failed.*DATABASE_URL/,
    );
    expect(child.text).not.toContain('hunter2');
  }, 60_000);
});
