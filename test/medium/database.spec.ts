import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Test, type TestingModule } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { DatabaseInfo, DatabaseModule, DatabaseNotifications } from '../../src/platform/database';
import { TcpLink } from '../support/tcp-link';
import { createTestDatabase } from '../support/test-database';
import { TestPlatform } from '../support/platform';
import { until } from '../support/until';

const open: TestingModule[] = [];
const directories: string[] = [];

function scratch(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gateway-database-'));
  directories.push(directory);
  return directory;
}

async function start(variables: Record<string, string>): Promise<TestingModule> {
  const module = await Test.createTestingModule({ imports: [TestPlatform.with(variables), DatabaseModule] }).compile();
  open.push(module);
  return module.init();
}

afterEach(async () => {
  for (const module of open.splice(0)) await module.close();
  for (const directory of directories.splice(0)) fs.rmSync(directory, { recursive: true, force: true });
});

describe('DatabaseModule', () => {
  it('uses DATABASE_URL and says where that is without the password', async () => {
    const url = await createTestDatabase();
    const module = await start({ DATABASE_URL: url });
    const info = module.get(DatabaseInfo);
    const { port, pathname, password } = new URL(url);
    expect([info.kind, info.describe()]).toEqual(['external', `PostgreSQL at 127.0.0.1:${port}${pathname}`]);
    expect(info.describe()).not.toContain(password);
    const [settings] = await module
      .get(DataSource)
      .query<object[]>(
        "select current_setting('application_name') as name, current_setting('statement_timeout') as timeout",
      );
    expect(settings).toEqual({ name: 'ai-gateway', timeout: '30s' });
  });

  it('starts an embedded server without a URL, and stops it with the application', async () => {
    const dataDir = scratch();
    const module = await start({ GATEWAY_DATA_DIR: dataDir });
    expect(module.get(DatabaseInfo).kind).toBe('embedded');
    const [row] = await module
      .get(DataSource)
      .query<{ count: number }[]>('select count(*)::int as count from api_keys');
    expect(row).toEqual({ count: 0 });
    const pidFile = path.join(dataDir, 'postgres', 'data', 'postmaster.pid');
    expect(fs.existsSync(pidFile)).toBe(true);
    await open.pop()?.close();
    expect(fs.existsSync(pidFile)).toBe(false);
  });

  it('waits for a database that is not up yet', async () => {
    const url = await createTestDatabase();
    const link = await TcpLink.create(url);
    let isUp = false;
    const starting = start({ DATABASE_URL: link.through(url) }).then((module) => ({ module, wasUp: isUp }));
    await new Promise((resolve) => setTimeout(resolve, 700));
    isUp = true;
    await link.restore();
    const { module, wasUp } = await starting;
    expect(wasUp).toBe(true);
    expect(await module.get(DataSource).query('select 1 as one')).toEqual([{ one: 1 }]);
    await open.pop()?.close();
    await link.cut();
  });

  it('does not wait for what waiting cannot mend', async () => {
    const url = new URL(await createTestDatabase());
    url.pathname = '/no_such_database';
    await expect(start({ DATABASE_URL: url.toString() })).rejects.toThrow(
      /"no_such_database" does not exist.*Check DATABASE_URL/,
    );
  });
});

describe('DatabaseNotifications', () => {
  it('reach every replica that listens to the channel', async () => {
    const url = await createTestDatabase();
    const [one, two] = [await start({ DATABASE_URL: url }), await start({ DATABASE_URL: url })];
    const heard: string[] = [];
    for (const [name, module] of [
      ['one', one],
      ['two', two],
    ] as const) {
      const notifications = module.get(DatabaseNotifications);
      notifications.subscribe('some channel"', (payload) => heard.push(`${name}: ${payload}`));
      await until(() => notifications.isConnected);
    }
    await one.get(DatabaseNotifications).notify('some channel"', "it's here");
    await one.get(DatabaseNotifications).notify('other', 'not for us');
    await until(() => heard.length >= 2);
    expect(heard.sort()).toEqual(["one: it's here", "two: it's here"]);
  });

  it('say when they cannot be heard, and come back by themselves', async () => {
    const url = await createTestDatabase();
    const link = await TcpLink.create(url);
    await link.restore();
    const module = await start({ DATABASE_URL: link.through(url) });
    const direct = await start({ DATABASE_URL: url });
    const notifications = module.get(DatabaseNotifications);
    const heard: string[] = [];
    const reconnections: number[] = [];
    notifications.onReconnect((lastHeardAtMs) => reconnections.push(lastHeardAtMs));
    notifications.subscribe('channel', (payload) => heard.push(payload));
    await until(() => notifications.isConnected);
    const heardAtMs = notifications.heardAtMs;
    await until(() => notifications.heardAtMs > heardAtMs);

    await link.cut();
    await until(() => !notifications.isConnected);
    const lastHeardAtMs = notifications.heardAtMs;
    await direct.get(DatabaseNotifications).notify('channel', 'missed');
    await link.restore();
    await until(() => notifications.isConnected);
    await direct.get(DatabaseNotifications).notify('channel', 'heard');
    await until(() => heard.length > 0);
    expect(heard).toEqual(['heard']);
    expect(reconnections).toEqual([-Infinity, lastHeardAtMs]);
    await module.close();
    await link.cut();
  });
});
