import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgres } from '../../src/platform/database/embedded';
import { TestRedis } from './test-redis';

/** What `global-teardown` takes down. */
export interface TestServices {
  readonly directory: string;
  readonly postgres: EmbeddedPostgres;
  readonly redis: TestRedis;
}

declare global {
  var testServices: TestServices | undefined;
}

/** Nothing of a test run has to survive a power cut. */
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' };

/** One real PostgreSQL and one real Redis for the whole run; test files get their addresses from the environment. */
// oxlint-disable-next-line import/no-default-export -- Jest takes a default export only
export default async function globalSetup(): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gateway-test-'));
  const log = (line: string): boolean => process.stdout.write(`${line}\n`);
  const postgres = new EmbeddedPostgres({ dataDirectory: directory, log, settings: FAST });
  await postgres.start();
  try {
    const redis = await TestRedis.start(directory);
    globalThis.testServices = { directory, postgres, redis };
    process.env['TEST_DATABASE_URL'] = postgres.url;
    process.env['TEST_REDIS_URL'] = redis.url;
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
