import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Logger, type LoggerService } from '@nestjs/common';
import { AppConfig } from '../../src/app.config';
import { Environment, type Variables } from '../../src/platform/config/environment';
import { FileLiveConfig } from '../../src/platform/config/file-live-config';
import { ServerConfig } from '../../src/platform/http/server.config';
import { RedisConfig } from '../../src/platform/redis/redis.config';
import { ProvidersConfig } from '../../src/providers/providers.config';
import { CacheConfig } from '../../src/semantic-cache/cache.config';
import { Child } from '../support/child';
import { until } from '../support/until';

const CHILD = path.resolve(__dirname, '../support/config-cases/live-config.child.ts');
const ttl = (seconds: number): string => `cache: { ttl_seconds: ${seconds} }\n`;

describe('the configuration file of a running gateway', () => {
  let directory: string;
  let file: string;
  let logged: string[];
  let running: FileLiveConfig[];

  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'gateway-config-'));
    file = path.join(directory, 'gateway.yaml');
    logged = [];
    running = [];
    const note = (message: unknown): void => void logged.push(String(message));
    const logger: LoggerService = { log: () => undefined, warn: note, error: note };
    Logger.overrideLogger(logger);
  });

  afterEach(() => {
    for (const config of running) config.onApplicationShutdown();
    Logger.overrideLogger(['error', 'warn', 'log']);
    rmSync(directory, { recursive: true });
  });

  function start(text: string, variables: Variables = {}): FileLiveConfig {
    writeFileSync(file, text);
    const environment = Environment.read(variables);
    const config = new FileLiveConfig({ root: AppConfig, environment, variables }, { path: file });
    running.push(config);
    return config;
  }

  it('is taken over whole on demand; who holds a section keeps it', async () => {
    const config = start(ttl(60));
    const held = config.section(CacheConfig);
    const version = config.version;
    writeFileSync(file, ttl(120));
    expect(await config.reload()).toEqual({ reloaded: true, version: config.version, problems: [], warnings: [] });
    expect(config.section(CacheConfig).ttl_seconds).toBe(120);
    expect(config.version).not.toBe(version);
    expect(held.ttl_seconds).toBe(60);
  });

  it('changes nothing when it is wrong, and the log says why', async () => {
    const config = start(ttl(60));
    const before = { version: config.version, cache: config.section(CacheConfig) };
    let runs = 0;
    config.onReload(() => (runs += 1));
    writeFileSync(file, 'cache: { ttl_second: 120, enabled: maybe }\n');
    const result = await config.reload();
    expect(result).toMatchObject({ reloaded: false, version: before.version });
    expect(result.problems).toEqual([
      'gateway.yaml:1:10 cache.ttl_second: is not a known setting (did you mean "ttl_seconds"?)',
      'gateway.yaml:1:36 cache.enabled: "maybe" must be true or false',
    ]);
    expect(config.section(CacheConfig)).toBe(before.cache);
    expect(config.version).toBe(before.version);
    expect(runs).toBe(0);
    expect(logged).toEqual(expect.arrayContaining([...result.problems]));
  });

  it('changes nothing when it is gone or empty', async () => {
    const config = start(ttl(60));
    writeFileSync(file, '');
    expect((await config.reload()).problems).toEqual([expect.stringContaining('the file is empty')]);
    unlinkSync(file);
    expect((await config.reload()).problems).toEqual([expect.stringContaining('cannot be read (ENOENT)')]);
    expect(config.section(CacheConfig).ttl_seconds).toBe(60);
  });

  it('goes back when a part of the gateway cannot take it', async () => {
    const config = start(ttl(60));
    const seen: number[] = [];
    config.onReload(() => void seen.push(config.section(CacheConfig).ttl_seconds));
    config.onReload(() => {
      if (config.section(CacheConfig).ttl_seconds === 120) throw new Error('no room for 120');
    });
    const version = config.version;
    writeFileSync(file, ttl(120));
    const result = await config.reload();
    expect(result).toMatchObject({ reloaded: false, version });
    expect(result.problems[0]).toContain('no room for 120');
    expect(seen).toEqual([120, 60]);
    expect(config.section(CacheConfig).ttl_seconds).toBe(60);
    writeFileSync(file, ttl(180));
    expect(await config.reload()).toMatchObject({ reloaded: true });
  });

  it('shows one version to whoever looks, however often it is reloaded at the same time', async () => {
    const config = start(ttl(1));
    const consistent = (): boolean => {
      const seconds = config.section(CacheConfig).ttl_seconds;
      return config.section(ProvidersConfig).entries['simulator']?.max_concurrency === (seconds === 1 ? 200 : seconds);
    };
    let torn = 0;
    config.onReload(() => (torn += consistent() ? 0 : 1));
    const reloads: Promise<unknown>[] = [];
    for (let turn = 2; turn <= 101; turn += 1) {
      writeFileSync(
        file,
        `providers: { simulator: { models: [gpt-4o], max_concurrency: ${turn} } }\ncache: { ttl_seconds: ${turn} }\n`,
      );
      reloads.push(config.reload(), config.reload());
      await Promise.resolve();
      torn += consistent() ? 0 : 1;
    }
    await Promise.all(reloads);
    expect(torn).toBe(0);
    expect(config.section(CacheConfig).ttl_seconds).toBe(101);
  });

  it('says what needs a restart, and goes on telling what is really so', async () => {
    const config = start(ttl(60), { DATABASE_URL: 'postgres://db/gateway' });
    writeFileSync(file, `${ttl(120)}server: { port: 9999, lame_duck: 1s }\nredis: { url: redis://new }\n`);
    const result = await config.reload();
    expect(result.reloaded).toBe(true);
    expect(result.warnings).toEqual([
      'server.port has changed; the change needs a restart',
      'redis.url has changed; the change needs a restart',
    ]);
    expect(config.section(ServerConfig)).toMatchObject({ port: 8080, lame_duck: 1_000 });
    expect(config.section(RedisConfig).url).toBeUndefined();
    expect(config.section(CacheConfig).ttl_seconds).toBe(120);
    expect(logged).toEqual(expect.arrayContaining([...result.warnings]));
  });

  it('no longer tells a listener that has left', async () => {
    const config = start(ttl(60));
    let runs = 0;
    const leave = config.onReload(() => (runs += 1));
    leave();
    writeFileSync(file, ttl(120));
    await config.reload();
    expect(runs).toBe(0);
  });

  it('is watched, written in place or replaced', async () => {
    const config = start(ttl(60));
    config.watch();
    writeFileSync(file, ttl(120));
    await until(() => config.section(CacheConfig).ttl_seconds === 120);
    writeFileSync(`${file}.new`, ttl(180));
    renameSync(`${file}.new`, file);
    await until(() => config.section(CacheConfig).ttl_seconds === 180);
  });

  it('is watched behind the symbolic links of a mounted volume', async () => {
    const config = start(ttl(60));
    for (const [name, seconds] of [
      ['v1', 60],
      ['v2', 120],
    ] as const)
      writeFileSync(path.join(directory, name), ttl(seconds));
    unlinkSync(file);
    symlinkSync('v1', file);
    config.watch();
    symlinkSync('v2', path.join(directory, 'next'));
    renameSync(path.join(directory, 'next'), file);
    await until(() => config.section(CacheConfig).ttl_seconds === 120);
  });

  it('is read again on SIGHUP, and a wrong one does not end the process', async () => {
    writeFileSync(file, ttl(60));
    // The file lies behind a link whose directory does not change, so only the signal or the poll can find out.
    const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'gateway-config-link-'));
    const link = path.join(elsewhere, 'gateway.yaml');
    symlinkSync(file, link);
    const child = Child.run(CHILD, [], { env: { GATEWAY_CONFIG: link } });
    try {
      await child.printed(/ttl 60 version/);
      writeFileSync(file, 'cache: { ttl_seconds: soon }\n');
      child.process.kill('SIGHUP');
      await child.printed(/gateway\.yaml:1:23 cache\.ttl_seconds: "soon" must be a whole number/);
      writeFileSync(file, ttl(120));
      child.process.kill('SIGHUP');
      await child.printed(/ttl 120 version/);
    } finally {
      child.process.kill('SIGKILL');
      await child.exit;
      rmSync(elsewhere, { recursive: true });
    }
  });

  it('ends the start with 78 and every problem when it is wrong', async () => {
    writeFileSync(file, 'providers: { openai: { api_key: "${NO_KEY}", models: [] } }\ncache: { ttl: 1 }\n');
    const child = Child.run(CHILD, [], {
      env: { GATEWAY_CONFIG: file, PORT: 'eighty', GATEWAY_ADMIN_KEY: 'too-short-admin-key' },
    });
    expect(await child.exit).toBe(78);
    expect(child.text.trim().split('\n')).toEqual([
      'environment PORT: "eighty" cannot be used; write a whole number from 0 to 65535',
      'environment GATEWAY_ADMIN_KEY: the value cannot be used; write at least 32 random characters',
      'gateway.yaml:1:33 providers.openai.api_key: environment variable NO_KEY is not set; set it, or write ${NO_KEY:-default}',
      'gateway.yaml:1:54 providers.openai.models: is empty; list at least one',
      expect.stringContaining('gateway.yaml:2:10 cache.ttl: is not a known setting'),
    ]);
  });

  it('ends the start with 78 when it is missing', async () => {
    const child = Child.run(CHILD, [], { env: { GATEWAY_CONFIG: path.join(directory, 'none.yaml') } });
    expect(await child.exit).toBe(78);
    expect(child.text).toContain('none.yaml: cannot be read (ENOENT); set GATEWAY_CONFIG');
  });
});
