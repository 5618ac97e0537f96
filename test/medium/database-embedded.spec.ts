import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { EmbeddedPostgres } from '../../src/platform/database/embedded';
import { locatePackage, prepareBinaries } from '../../src/platform/database/embedded/binaries';
import { chooseRunAs } from '../../src/platform/database/embedded/run-as';
import { Child } from '../support/child';
import { createTestDatabase } from '../support/test-database';

const CHILD = path.resolve(__dirname, '../support/embedded-postgres.child.ts');
const isRoot = process.getuid?.() === 0;
const whenRoot = isRoot ? it : it.skip;

interface Ready {
  readonly kind: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
}

const directories: string[] = [];
const servers: EmbeddedPostgres[] = [];
const children: Child[] = [];
/** Homes of clusters outside the data directory. */
const outside: string[] = [];

function scratch(name = 'data'): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gateway-embedded-'));
  directories.push(directory);
  // PostgreSQL's own user must get through to what is inside.
  fs.chmodSync(directory, 0o711);
  return path.join(directory, name);
}

function server(dataDirectory: string, log: (line: string) => void = () => {}): EmbeddedPostgres {
  const postgres = new EmbeddedPostgres({ dataDirectory, log });
  servers.push(postgres);
  return postgres;
}

function child(args: readonly string[], options: { uid?: number; gid?: number } = {}): Child {
  const started = Child.run(CHILD, args, options);
  children.push(started);
  return started;
}

async function ready(process: Child): Promise<Ready> {
  const [, json = ''] = await process.printed(/^ready (.*)$/m);
  return JSON.parse(json) as Ready;
}

async function query<T extends object>(url: string, text: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

const isAlive = (pid: number): boolean => {
  try {
    // A zombie that nobody reaps is dead all the same.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

afterEach(async () => {
  for (const { process } of children.splice(0)) process.kill('SIGKILL');
  for (const postgres of servers.splice(0)) await postgres.stop();
  for (const home of outside.splice(0)) fs.rmSync(home, { recursive: true, force: true });
  for (const directory of directories.splice(0)) fs.rmSync(directory, { recursive: true, force: true });
});

describe('the test services', () => {
  it('give every caller a fresh PostgreSQL database', async () => {
    const urls = [await createTestDatabase(), await createTestDatabase()];
    expect(new Set(urls).size).toBe(2);
    for (const url of urls) {
      const tables = await query(url, "select 1 from information_schema.tables where table_schema = 'public'");
      expect(tables).toEqual([]);
    }
  });
});

describe('the embedded PostgreSQL', () => {
  it('creates a database, keeps its port, password and rows, and leaves no process behind', async () => {
    const data = scratch();
    const first = server(data);
    expect(await first.start()).toBe('created');
    const { port, pid, url } = first;
    expect(first.dataPath).toBe(path.join(data, 'postgres', 'data'));
    await query(url, 'create table kept (n int)');
    await query(url, 'insert into kept values (7)');
    await first.stop();
    expect(isAlive(pid ?? 0)).toBe(false);

    const second = server(data);
    expect(await second.start()).toBe('started');
    expect(second.port).toBe(port);
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 7 }]);
  });

  it('keeps its password to itself and refuses others', async () => {
    const data = scratch();
    const postgres = server(data);
    await postgres.start();
    expect(fs.statSync(path.join(data, 'postgres', 'cluster.json')).mode & 0o777).toBe(0o600);
    expect(fs.statSync(postgres.dataPath).mode & 0o077).toBe(0);
    const wrong = new URL(postgres.url);
    wrong.password = 'guess';
    await expect(query(wrong.toString(), 'select 1')).rejects.toThrow(/password authentication failed/);
    const [listen] = await query<{ listen_addresses: string }>(postgres.url, 'show listen_addresses');
    expect(listen?.listen_addresses).toBe('127.0.0.1');
  });

  it('takes a path with spaces and quotes', async () => {
    const postgres = server(scratch("my gateway's data [1]"));
    expect(await postgres.start()).toBe('created');
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('takes a relative path', async () => {
    const postgres = server(path.relative(process.cwd(), scratch()));
    expect(await postgres.start()).toBe('created');
    expect(path.isAbsolute(postgres.dataPath)).toBe(true);
  });

  it('takes another port when its own has been taken meanwhile', async () => {
    const data = scratch();
    const first = server(data);
    await first.start();
    const taken = first.port;
    await first.stop();
    const net = await import('node:net');
    const squatter = net.createServer().listen(taken, '127.0.0.1');
    try {
      const second = server(data);
      expect(await second.start()).toBe('started');
      expect(second.port).not.toBe(taken);
    } finally {
      squatter.close();
    }
  });

  it('is adopted after its Node process was killed', async () => {
    const data = scratch();
    const parent = child([data]);
    const before = await ready(parent);
    parent.process.kill('SIGKILL');
    await parent.exit;
    expect(isAlive(before.pid)).toBe(true);

    const heir = server(data);
    expect(await heir.start()).toBe('adopted');
    expect([heir.pid, heir.port]).toEqual([before.pid, before.port]);
    await heir.stop();
    expect(isAlive(before.pid)).toBe(false);
  });

  it('starts over a stale postmaster.pid whose number now belongs to someone else', async () => {
    const data = scratch();
    const first = server(data);
    await first.start();
    const file = path.join(first.dataPath, 'postmaster.pid');
    const text = fs.readFileSync(file, 'utf8');
    await first.stop();
    fs.writeFileSync(file, text.replace(/^\d+/, String(process.pid)));
    if (isRoot) fs.chownSync(file, fs.statSync(first.dataPath).uid, fs.statSync(first.dataPath).gid);
    expect(await server(data).start()).toBe('started');
  });

  it('keeps every committed row when PostgreSQL is killed while it writes, and comes back by itself', async () => {
    const data = scratch();
    const writer = child([data, 'write']);
    const { pid } = await ready(writer);
    await writer.printed(/committed 200\./);
    process.kill(pid, 'SIGKILL');
    // The writer's own connection is gone, which ends it: it does not retry.
    await writer.exit;
    const acknowledged = Number([...writer.text.matchAll(/committed (\d+)\./g)].at(-1)?.[1]);

    const postgres = server(data);
    await postgres.start();
    const [row] = await query<{ count: number; max: number }>(
      postgres.url,
      'select count(*)::int, max(n) from numbers',
    );
    expect(row?.count).toBeGreaterThanOrEqual(acknowledged);
    expect(row?.count).toBe(row?.max);
  });

  it('is started again when it dies under a living gateway', async () => {
    const lines: string[] = [];
    const postgres = server(scratch(), (line) => lines.push(line));
    await postgres.start();
    const { pid, url } = postgres;
    process.kill(pid ?? 0, 'SIGKILL');
    while (!lines.some((line) => line.includes('is back'))) await sleep(20);
    expect(postgres.pid).not.toBe(pid);
    expect(postgres.url).toBe(url);
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('keeps running for the others when one of its users leaves, and stops with the last', async () => {
    const data = scratch();
    const first = server(data);
    const second = server(data);
    const kinds = await Promise.all([first.start(), second.start()]);
    expect(kinds.sort()).toEqual(['adopted', 'created']);
    const pid = first.pid ?? 0;
    await first.stop();
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await second.stop();
    expect(isAlive(pid)).toBe(false);
  });

  it('says what to do when the database was written by another version', async () => {
    const data = scratch();
    const first = server(data);
    await first.start();
    await first.stop();
    fs.writeFileSync(path.join(first.dataPath, 'PG_VERSION'), '15\n');
    await expect(server(data).start()).rejects.toThrow(/written by PostgreSQL 15.*DATABASE_URL/);
  });

  it('starts after a creation that was killed half-way', async () => {
    const data = scratch();
    const half = path.join(data, 'postgres', 'data.creating');
    fs.mkdirSync(half, { recursive: true });
    fs.writeFileSync(path.join(half, 'PG_VERSION'), '18\n');
    fs.writeFileSync(path.join(data, 'postgres', 'start.lock'), '999999999');
    expect(await server(data).start()).toBe('created');
  });

  whenRoot('does not run as root', async () => {
    const postgres = server(scratch());
    await postgres.start();
    const owner = execFileSync('ps', ['-o', 'uid=', '-p', String(postgres.pid)], { encoding: 'utf8' });
    expect(Number(owner)).toBeGreaterThan(0);
  });

  whenRoot('keeps the database elsewhere, and says so, when its user cannot reach the data directory', async () => {
    const data = scratch(path.join('closed', 'data'));
    fs.mkdirSync(path.dirname(data), { mode: 0o700 });
    const lines: string[] = [];
    const postgres = server(data, (line) => lines.push(line));
    expect(await postgres.start()).toBe('created');
    expect(postgres.dataPath).toMatch(/^\/var\/tmp\/ai-gateway-postgres-/);
    outside.push(path.dirname(postgres.dataPath));
    expect(lines.join('\n')).toMatch(/cannot reach .*kept in \/var\/tmp/);
    await postgres.stop();
    expect(await server(data).start()).toBe('started');
    await servers.at(-1)?.stop();
    fs.rmSync(path.dirname(postgres.dataPath), { recursive: true });
    await expect(server(data).start()).rejects.toThrow(/which is gone/);
  });

  whenRoot('works for a plain user', async () => {
    const nobody = 65_534;
    const data = scratch();
    fs.mkdirSync(data);
    fs.chownSync(data, nobody, nobody);
    fs.chmodSync(path.dirname(data), 0o711);
    const started = child([data], { uid: nobody, gid: nobody });
    const { kind, pid, url } = await ready(started);
    expect(kind).toBe('created');
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
    started.process.kill('SIGTERM');
    expect(await started.exit).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });
});

describe('the programs of PostgreSQL', () => {
  /** The package as `npm ci --ignore-scripts` leaves it: without its symbolic links. */
  function bareCopy(): { directory: string; version: string } {
    const { directory, version } = locatePackage();
    const copy = scratch('package');
    fs.cpSync(directory, copy, { recursive: true, verbatimSymlinks: true });
    const { stdout } = spawnSync('find', [copy, '-type', 'l', '-print', '-delete'], { encoding: 'utf8' });
    expect(stdout).toContain('libicui18n');
    return { directory: copy, version };
  }

  const versionOf = (program: string, user: { uid?: number; gid?: number }): string =>
    execFileSync(program, ['--version'], { encoding: 'utf8', cwd: '/', env: {}, ...user });

  it('run without the install script of their package', () => {
    const installed = bareCopy();
    const binaries = prepareBinaries(null, scratch(), installed);
    expect(binaries.postgres.startsWith(installed.directory)).toBe(true);
    expect(versionOf(binaries.postgres, {})).toContain(`PostgreSQL) ${binaries.majorVersion}.`);
  });

  whenRoot('are copied to where the unprivileged user can run them', () => {
    const installed = bareCopy();
    fs.chmodSync(installed.directory, 0o700);
    const runAs = chooseRunAs(null);
    const copyTo = scratch();
    fs.mkdirSync(copyTo, { mode: 0o711 });
    fs.chmodSync(path.dirname(copyTo), 0o711);
    const binaries = prepareBinaries(runAs, copyTo, installed);
    expect(binaries.postgres.startsWith(copyTo)).toBe(true);
    expect(versionOf(binaries.initdb, { uid: runAs?.uid ?? 0, gid: runAs?.gid ?? 0 })).toContain('initdb');
    expect(prepareBinaries(runAs, copyTo, installed)).toEqual(binaries);
  });
});
