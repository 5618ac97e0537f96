import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FirstRunService } from '../../src/access';
import { AppConfig } from '../../src/app.config';
import { createApp, serverOf } from '../../src/app.setup';
import { ConfigModule } from '../../src/platform/config/config.module';
import { createTestDatabase } from './test-database';

export const ADMIN_KEY = 'test-admin-key-0123456789abcdef0123456789';

export interface InferenceAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface TestGateway {
  readonly app: NestExpressApplication;
  readonly url: string;
  readonly apiKey: string;
  /** An inference call with the key of the first start, read to its end. */
  post(route: string, body: object, headers?: Record<string, string>): Promise<InferenceAnswer>;
  /** A call of the management API; returns the parsed body. */
  admin(method: string, route: string, body?: unknown): Promise<{ status: number; body: unknown; headers: Headers }>;
  /** A request's record, waiting until it has been shipped to the database. */
  recordOf(requestId: string): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** The whole application on a loopback port, with a database of its own and the run's real Redis left out unless asked for. */
export async function startGateway(
  yaml: string,
  variables: Record<string, string> = {},
  configure = (all: Record<string, string>): DynamicModule => ConfigModule.forValues(AppConfig, yaml, all),
): Promise<TestGateway> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'gateway-e2e-'));
  const databaseUrl = variables['DATABASE_URL'] ?? (await createTestDatabase());
  const configuration = configure({
    PORT: '0',
    HOST: '127.0.0.1',
    GATEWAY_DATA_DIR: dataDir,
    GATEWAY_ADMIN_KEY: ADMIN_KEY,
    GATEWAY_SECRET: 'test-secret-0123456789abcdef0123456789abcdef',
    LOG_LEVEL: 'silent',
    DATABASE_URL: databaseUrl,
    ...variables,
  });
  const app = await createApp(configuration, { forceCloseConnections: true });
  await app.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${(serverOf(app).address() as AddressInfo).port}`;
  const admin = adminAt(url);
  const apiKey = app.get(FirstRunService).result?.apiKey ?? '';
  return {
    app,
    url,
    apiKey,
    post: async (route, body, headers = {}) => {
      const response = await fetch(`${url}${route}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    admin,
    recordOf: (requestId) => recordOf(admin, requestId),
    close: async () => {
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Calls of the management API of the gateway at an address. */
export function adminAt(url: string): TestGateway['admin'] {
  return async (method, route, body) => {
    const response = await fetch(`${url}/api/v1${route}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? null : (JSON.parse(text) as unknown),
      headers: response.headers,
    };
  };
}

/** A request's record, waiting until it has been shipped to the database. */
export async function recordOf(admin: TestGateway['admin'], requestId: string): Promise<Record<string, unknown>> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const { status, body } = await admin('GET', `/requests/${requestId}`);
    if (status === 200) return body as Record<string, unknown>;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`request ${requestId} never appeared`);
}
