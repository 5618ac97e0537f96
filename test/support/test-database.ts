import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

const created: string[] = [];

function serverUrl(): string {
  const url = process.env['TEST_DATABASE_URL'];
  if (!url) throw new Error('TEST_DATABASE_URL is not set: run medium and e2e tests through their Jest project.');
  return url;
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** URL of a new, empty database on the run's PostgreSQL. It is dropped when the test file is done. */
export async function createTestDatabase(): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(`create database ${name}`);
  created.push(name);
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.toString();
}

afterAll(async () => {
  for (const name of created.splice(0)) await onServer(`drop database if exists ${name} with (force)`);
});
