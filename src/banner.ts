import fs from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { FirstRunService } from './access';
import { Environment } from './platform/config/environment';
import { DatabaseInfo } from './platform/database';
import { RedisConnection } from './platform/redis/redis-connection';
import { ProviderRegistry } from './providers';

/** The cheapest model of the tutorial, when it is there. */
const PREFERRED_MODEL = 'gpt-4o-mini';

/** What a person sees first: where it listens, a call to paste, and, on the first start only, the secrets it made. */
export function bannerOf(app: INestApplicationContext, server: Server): string {
  const { port } = server.address() as AddressInfo;
  const base = `http://localhost:${port}`;
  const registry = app.get(ProviderRegistry);
  const model = registry.modelNames.includes(PREFERRED_MODEL) ? PREFERRED_MODEL : (registry.modelNames[0] ?? 'model');
  const { dataDir } = app.get(Environment);
  const firstRunFile = path.resolve(dataDir, 'first-run.json');
  const firstRun = app.get(FirstRunService).result;
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello' }] });
  const lines = [
    '',
    `  AI Gateway is listening on ${base}`,
    '',
    `  Console     ${base}/admin`,
    `  API         ${base}/docs`,
    `  Providers   ${registry.providers.map(({ name, type }) => (name === type ? name : `${name} (${type})`)).join(', ')}`,
    `  Database    ${app.get(DatabaseInfo).describe()}`,
    `  Redis       ${app.get(RedisConnection).client ? 'connected by REDIS_URL or redis.url' : 'none: in-process stores, one replica only'}`,
  ];
  if (firstRun) {
    const password = firstRun.generatedPassword ?? '(as set by GATEWAY_ADMIN_PASSWORD)';
    lines.push('', '  Shown this once, and kept in:', `    ${firstRunFile}`);
    lines.push(`    admin       ${firstRun.adminEmail}  ${password}`, `    API key     ${firstRun.apiKey}`);
  }
  const key = firstRun?.apiKey ?? storedKeyHint(firstRunFile);
  lines.push('', '  Try it:', '', `curl ${base}/v1/chat/completions \\`);
  lines.push(
    `  -H "Authorization: Bearer ${key}" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${body}'`,
    '',
    '',
  );
  return lines.join('\n');
}

/** A later start does not print the key again: the shell reads it from the file, or the user fills it in. */
function storedKeyHint(firstRunFile: string): string {
  if (!fs.existsSync(firstRunFile)) return '$GATEWAY_KEY';
  return `$(node -p "require('${firstRunFile}').api_key")`;
}
