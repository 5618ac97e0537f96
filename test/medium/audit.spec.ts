import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Test, type TestingModule } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import fc from 'fast-check';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { AuditLog, type Actor } from '../../src/admin/audit/audit-log';
import { AuditModule } from '../../src/admin/audit/audit.module';
import { AuditVerifier } from '../../src/admin/audit/audit-verifier';
import { DatabaseModule } from '../../src/platform/database';
import { SecretsModule } from '../../src/platform/secrets/secrets.module';
import { guarantee } from '../support/guarantee';
import { TestPlatform } from '../support/platform';
import { createTestDatabase } from '../support/test-database';

jest.setTimeout(120_000);

const ADA: Actor = { kind: 'person', id: 'user_1', label: 'ada@example.com', address: '203.0.113.7' };
const ENTRIES = 40;
const TAMPERINGS = 60;

/** What a person with the database's password could do. Each leaves the triggers off only for itself. */
const TAMPERING: readonly (readonly [name: string, sql: string])[] = [
  ['deletes an entry', 'delete from audit_log where sequence = $1'],
  ['deletes the last entries', 'delete from audit_log where sequence >= $1'],
  ['deletes the first entries', 'delete from audit_log where sequence <= $1'],
  ['changes who did it', `update audit_log set actor_label = 'bob@example.com' where sequence = $1`],
  ['changes whose id it was', `update audit_log set actor_id = null where sequence = $1`],
  ['changes when', `update audit_log set at = at + interval '1 millisecond' where sequence = $1`],
  ['changes what', `update audit_log set action = 'key.create' where sequence = $1`],
  ['changes to what', `update audit_log set target_id = 'key_other' where sequence = $1`],
  ['changes what was before', `update audit_log set before = '{"limit":1}' where sequence = $1`],
  ['changes what was after', `update audit_log set after = jsonb_set(after, '{number}', '-1') where sequence = $1`],
  ['changes from where', `update audit_log set address = '198.51.100.1' where sequence = $1`],
  ['changes the hash', `update audit_log set hash = sha256('x') where sequence = $1`],
  [
    'takes the hash of another',
    `update audit_log set hash = (select hash from audit_log where sequence = 1) where sequence = $1`,
  ],
  [
    'removes one and closes the gap',
    `with gone as (delete from audit_log where sequence = $1)
    update audit_log set sequence = -sequence where sequence > $1`,
  ],
  [
    'adds one at the end',
    `insert into audit_log select sequence + 1000, id || 'x', at, actor_kind, actor_id, actor_label,
    address, action, target_type, target_id, target_label, before, after, hash from audit_log where sequence = $1`,
  ],
  [
    'cuts the log back with its head',
    `with cut as (delete from audit_log where sequence > $1)
    update audit_head set sequence = $1, hash = (select hash from audit_log where sequence = $1)`,
  ],
  [
    'empties it',
    `with cut as (delete from audit_log where $1 > 0)
    update audit_head set sequence = 0, hash = '', seal = ''`,
  ],
];

let testing: TestingModule;
let directory: string;
let database: DataSource;
let log: AuditLog;
let verifier: AuditVerifier;

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'gateway-audit-'));
  testing = await Test.createTestingModule({
    imports: [
      TestPlatform.with({
        DATABASE_URL: await createTestDatabase(),
        GATEWAY_SECRET: 'test-secret-0123456789abcdef0123456789abcdef',
        GATEWAY_DATA_DIR: directory,
      }),
      DatabaseModule,
      SecretsModule,
      AuditModule,
    ],
  }).compile();
  await testing.init();
  database = testing.get(getDataSourceToken());
  log = testing.get(AuditLog);
  verifier = testing.get(AuditVerifier);
}, 60_000);
afterAll(async () => {
  await testing?.close();
  fs.rmSync(directory, { recursive: true, force: true });
});

async function connect({ options }: DataSource): Promise<Client> {
  const client = new Client({ connectionString: (options as { url: string }).url });
  await client.connect();
  return client;
}

const write = (number: number): Promise<void> =>
  log.record(ADA, {
    action: 'key.update',
    targetId: `key_${number}`,
    targetLabel: 'search – “größer”',
    before: { number, z: 1, a: [1, { c: null, b: 'ü\u0000'.slice(0, 1) }], password: 'hunter2hunter2' },
    after: { number, tokens_per_minute: 1e9, at: new Date(0), nothing: undefined },
  });

it('has a first entry, and one of each change, whoever writes at the same time', async () => {
  expect((await verifier.verify()).problems).toEqual([
    'The log is empty, which it never is once a gateway has started.',
  ]);
  await log.begin();
  await log.begin();
  await Promise.all(Array.from({ length: ENTRIES }, (_, number) => write(number)));
  expect(await verifier.verify()).toEqual({
    entries: ENTRIES + 1,
    head: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    problems: [],
  });
});

it('keeps no secret', async () => {
  const rows = await database.query<object[]>('select before, after from audit_log');
  expect(JSON.stringify(rows)).not.toContain('hunter2');
  expect(rows).toContainEqual({
    before: { number: 7, z: 1, a: [1, { c: null, b: 'ü' }], password: '***' },
    after: { number: 7, tokens_per_minute: 1e9, at: '1970-01-01T00:00:00.000Z' },
  });
});

it('records a change, or neither', async () => {
  const before = await verifier.verify();
  await expect(
    log.change(ADA, async (manager) => {
      await manager.query(`insert into departments (id, name) values ('dep_x', 'gone')`);
      throw new Error('refused');
    }),
  ).rejects.toThrow('refused');
  expect(await database.query('select 1 from departments')).toEqual([]);
  expect(await verifier.verify()).toEqual(before);
});

it('cannot be changed by statements', async () => {
  for (const sql of [
    'update audit_log set at = now()',
    'delete from audit_log',
    'truncate audit_log',
    'delete from audit_head',
  ]) {
    await expect(database.query(sql)).rejects.toThrow('only ever added to');
  }
});

it('shows whatever is done to it behind its back', async () => {
  const { head } = await verifier.verify();
  const seed = Date.now() % 2 ** 31;
  const cases = fc.sample(fc.tuple(fc.constantFrom(...TAMPERING), fc.integer({ min: 1, max: ENTRIES + 1 })), {
    numRuns: TAMPERINGS,
    seed,
  });
  const all = [...TAMPERING.map((each) => [each, 20] as const), ...cases];
  const missed: string[] = [];
  let tampered = 0;
  const thief = await connect(database);
  await thief.query('create temp table kept as table audit_log');
  await thief.query('create temp table kept_head as table audit_head');
  await thief.query('set session_replication_role = replica');
  for (const [[name, sql], sequence] of all) {
    await thief.query(sql, [sequence]);
    const { rows } = await thief.query<{ n: string }>(
      `select (select count(*) from (table audit_log except table kept) a) + (select count(*) from (table kept except table audit_log) b) as n`,
    );
    if (Number(rows[0]?.n) > 0) {
      tampered += 1;
      const { problems } = await verifier.verify(head);
      if (problems.length === 0) missed.push(`${name} (${sequence})`);
    }
    await thief.query('delete from audit_log; insert into audit_log table kept');
    await thief.query('delete from audit_head; insert into audit_head table kept_head');
  }
  await thief.end();
  expect(missed).toEqual([]);
  expect((await verifier.verify(head)).problems).toEqual([]);
  expect(tampered).toBeGreaterThan(50);
  guarantee('ADM-9', `${tampered} of ${tampered} tamperings of ${TAMPERING.length} kinds found`, seed);
});
