import { ThrottlerModule } from '@nestjs/throttler';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AuditLog, type Deed } from '../../src/admin/audit/audit-log';
import { ConfigController } from '../../src/admin/config.controller';
import { Operations } from '../../src/admin/management/operations';
import { ManagementGuard } from '../../src/admin/management.guard';
import { AppConfig } from '../../src/app.config';
import { ConfigModule } from '../../src/platform/config/config.module';
import { Environment } from '../../src/platform/config/environment';
import { LiveConfig } from '../../src/platform/config/live-config';
import { ProviderOverviews } from '../../src/providers';
import { ProvidersConfig } from '../../src/providers/providers.config';
import { CacheAdministration } from '../../src/semantic-cache';
import { AS_ADMIN } from '../support/as-admin';

const VARIABLES = { OPENAI_API_KEY: 'sk-real-5ecret-value', DATABASE_URL: 'postgres://u:pa55word@db/gateway' };
const GOOD = 'providers: { openai: { api_key: "${OPENAI_API_KEY}", models: [gpt-4o] } }\n';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

describe('the configuration over the management API', () => {
  let directory: string;
  let file: string;
  let app: INestApplication;
  let address: string;
  let deeds: Deed[];

  beforeEach(async () => {
    deeds = [];
    directory = mkdtempSync(path.join(os.tmpdir(), 'gateway-config-api-'));
    file = path.join(directory, 'gateway.yaml');
    writeFileSync(file, GOOD);
    const module = await Test.createTestingModule({
      imports: [
        ThrottlerModule.forRoot([{ ttl: 60_000, limit: 100_000 }]),
        ConfigModule.forFile(AppConfig, file, VARIABLES),
      ],
      controllers: [ConfigController],
      providers: [
        Operations,
        { provide: AuditLog, useValue: { record: (_: unknown, deed: Deed) => void deeds.push(deed) } },
        { provide: CacheAdministration, useValue: {} },
        { provide: ProviderOverviews, useValue: {} },
      ],
    })
      .setLogger(SILENT)
      .overrideGuard(ManagementGuard)
      .useValue(AS_ADMIN)
      .compile();
    app = module.createNestApplication({ forceCloseConnections: true });
    await app.listen(0, '127.0.0.1');
    address = `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}/api/v1/config`;
  });

  afterEach(async () => {
    await app.close();
    rmSync(directory, { recursive: true });
  });

  async function call(method: string, route: string, body?: unknown) {
    const response = await fetch(`${address}${route}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) as unknown };
  }

  it('shows what is in force, with defaults and without secrets', async () => {
    const { status, headers, text, json } = await call('GET', '');
    expect(status).toBe(200);
    expect(headers.get('x-gateway-config-version')).toBe(app.get(LiveConfig).version);
    expect(json).toMatchObject({
      server: { port: 8080, drain: '10m' },
      providers: { openai: { type: 'openai', api_key: '***', timeouts: { connect: '3s' } } },
      database: { url: 'postgres://***@db/gateway' },
    });
    expect(text).not.toMatch(/5ecret|pa55word/);
  });

  it('checks a text without using it', async () => {
    expect(await call('POST', '/validate', { yaml: GOOD })).toMatchObject({
      status: 200,
      json: { valid: true, problems: [] },
    });
    const wrong = await call('POST', '/validate', {
      yaml: 'models: { a: { targets: [{ provider: "${DATABASE_URL}", model: x }] } }',
    });
    expect(wrong).toMatchObject({ status: 200, json: { valid: false } });
    expect(wrong.text).toContain('models.a.targets[0].provider');
    expect(wrong.text).not.toContain('pa55word');
    expect(await call('POST', '/validate', { yaml: 5 })).toMatchObject({ status: 400 });
  });

  it('reloads the file, or says why not with 409', async () => {
    writeFileSync(file, GOOD.replace('gpt-4o', 'gpt-4.1'));
    const taken = await call('POST', '/reload');
    expect(taken).toMatchObject({ status: 200, json: { reloaded: true, problems: [] } });
    expect(deeds).toMatchObject([{ action: 'config.reload', after: { reloaded: true } }]);
    const version = app.get(LiveConfig).version;
    expect(taken.json).toMatchObject({ version });
    writeFileSync(file, GOOD.replace('models', 'modles'));
    const refused = await call('POST', '/reload');
    expect(refused).toMatchObject({ status: 409, json: { reloaded: false, version } });
    expect(refused.text).toContain('did you mean');
    expect(app.get(LiveConfig).section(ProvidersConfig).entries['openai']?.models).toEqual(['gpt-4.1']);
  });

  it('is there for every module, the environment too', () => {
    expect(app.get(Environment).databaseUrl).toBe(VARIABLES.DATABASE_URL);
    expect(() => app.get(LiveConfig).section(Environment)).toThrow('Environment is not a section of AppConfig');
  });

  it('refuses to start an application with a wrong one', async () => {
    const wrong = Test.createTestingModule({
      imports: [
        ThrottlerModule.forRoot([{ ttl: 60_000, limit: 100_000 }]),
        ConfigModule.forValues(AppConfig, 'cache: { ttl: 1 }'),
      ],
    });
    await expect(wrong.compile()).rejects.toThrow('config:1:10 cache.ttl: is not a known setting');
    const environment = { GATEWAY_WORKERS: 'many' };
    const lost = Test.createTestingModule({
      imports: [
        ThrottlerModule.forRoot([{ ttl: 60_000, limit: 100_000 }]),
        ConfigModule.forValues(AppConfig, GOOD, environment),
      ],
    });
    await expect(lost.compile()).rejects.toThrow('environment GATEWAY_WORKERS');
  });
});
