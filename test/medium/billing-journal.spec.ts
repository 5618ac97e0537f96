import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { ATTEMPT_COLUMNS, REQUEST_COLUMNS, type AttemptRow, type RequestRow } from '../../src/billing/usage-rows';
import { PostgresUsageStore } from '../../src/billing/store/postgres-usage-store';
import { BadRowError, type UsageRows } from '../../src/billing/store/usage-store';
import { chatRequest, contextOf, outcome, usageOf } from '../../src/billing/testing/usage-fixtures';
import { SystemClock } from '../../src/platform/clock';
import { Child } from '../support/child';
import { FAILPOINTS, type Failpoint } from '../support/failpoints';
import { createTestDatabase } from '../support/test-database';
import { verifyLedger } from '../../src/billing/ledger/ledger-verifier';
import { guarantee } from '../support/guarantee';
import { connect, emptyBilling, startBilling, type RunningBilling } from './billing.support';

const CHILD = path.resolve(__dirname, '../support/billing.child.ts');
/** How long the database is away. */
const AWAY_MS = Number(process.env['DATABASE_AWAY_MS'] ?? 2_000);
/** Once at each known point, unless said otherwise. */
const KILL_ROUNDS = Number(process.env['KILL_ROUNDS'] ?? FAILPOINTS.length);
/** A point that is not met by then is a kill at any moment. */
const PATIENCE_MS = 600;

/** Between the gateway and its database; cutting it is a network failure. */
class Wire {
  private readonly sockets = new Set<net.Socket>();
  private server: net.Server | null = null;
  private port = 0;

  constructor(private readonly target: URL) {}

  async connect(): Promise<string> {
    this.server = net.createServer((client) => {
      const upstream = net.connect(Number(this.target.port), this.target.hostname);
      for (const socket of [client, upstream]) {
        this.sockets.add(socket);
        socket
          .on('error', () => undefined)
          .on('close', () => {
            client.destroy();
            upstream.destroy();
          });
      }
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => this.server?.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as net.AddressInfo).port;
    const url = new URL(this.target);
    url.host = `127.0.0.1:${this.port}`;
    return url.toString();
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.server?.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    await closed;
  }
}

/** Rows as the journal carries them. */
const texts = (attempts: readonly AttemptRow[], requests: readonly RequestRow[] = []): UsageRows => ({
  attempts: attempts.map((row) => ({ json: JSON.stringify(row), booking: null })),
  requests: requests.map((row) => JSON.stringify(row)),
});

describe('usage journal on PostgreSQL', () => {
  let url: string;
  let root: string;
  let database: DataSource;
  const clock = new SystemClock();

  beforeAll(async () => {
    Logger.overrideLogger(false);
    url = await createTestDatabase();
    database = await connect(url);
    await database.runMigrations();
  });

  afterAll(async () => {
    await database.destroy();
    Logger.overrideLogger(['log', 'warn', 'error']);
  });

  beforeEach(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'billing-'));
    await emptyBilling(database);
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  /** One request with one attempt; returns what it cost. */
  const serve = async ({ billing }: RunningBilling, inputTokens = 1_000): Promise<string> => {
    const context = contextOf(clock);
    billing.track(context);
    context.attempts = billing.openLedger(context);
    context.request = chatRequest();
    const attempt = await context.attempts.open({
      index: 1,
      provider: 'openai',
      model: 'gpt-4o',
      request: context.request,
    });
    attempt.settle(outcome({ usage: usageOf(inputTokens, 10) }));
    context.outcome = { status: 200, errorCode: null };
    context.close();
    return context.requestId;
  };

  const countOf = async (table: string): Promise<number> =>
    Number((await database.query<{ count: string }[]>(`select count(*) from ${table}`))[0]?.count);

  const until = async (isTrue: () => Promise<boolean>): Promise<void> => {
    while (!(await isTrue())) await sleep(20);
  };

  const rowsFromJournal = (): { attempts: AttemptRow[]; requests: RequestRow[] } => {
    const settlement = { id: 'att_x', request_id: 'req_x', started_at: '2026-11-23T12:00:00.000Z' };
    const zero = (columns: object): object =>
      Object.fromEntries(
        Object.entries(columns).map(([name, type]) => [
          name,
          type === 'text' ? 'x' : type === 'boolean' ? false : type === 'jsonb' ? null : 0,
        ]),
      );
    return {
      attempts: [
        { ...zero(ATTEMPT_COLUMNS), ...settlement, status: 'succeeded', usage_source: 'provider' } as AttemptRow,
      ],
      requests: [{ ...zero(REQUEST_COLUMNS), ...settlement, id: 'req_x' } as unknown as RequestRow],
    };
  };

  it('stores a row once, however often and from however many sides it comes', async () => {
    const store = new PostgresUsageStore(database);
    const { attempts, requests } = rowsFromJournal();
    const rows = texts(attempts, requests);
    await Promise.all(Array.from({ length: 8 }, () => store.write(rows)));
    await store.write(
      texts(
        attempts.map((row) => ({ ...row, status: 'in_doubt' })),
        requests,
      ),
    );
    expect(await countOf('usage_attempts')).toBe(1);
    expect(await countOf('usage_requests')).toBe(1);
    expect(await database.query('select status from usage_attempts')).toEqual([{ status: 'succeeded' }]);
  });

  it('tells a bad row from a bad day', async () => {
    const store = new PostgresUsageStore(database);
    const { attempts } = rowsFromJournal();
    const bad = attempts.map((row) => ({ ...row, cost_nano_usd: '99999999999999999999' }));
    await expect(store.write(texts(bad))).rejects.toBeInstanceOf(BadRowError);
    await database.query('alter table usage_attempts rename to usage_attempts_away');
    try {
      const error: unknown = await store.write(texts(attempts)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toBeInstanceOf(BadRowError);
    } finally {
      await database.query('alter table usage_attempts_away rename to usage_attempts');
    }
  });

  it('files rows by month, makes the coming months once, and has a place for any time', async () => {
    const store = new PostgresUsageStore(database);
    await store.prepare();
    await Promise.all([store.prepare(), store.prepare()]);
    const { attempts, requests } = rowsFromJournal();
    const now = new Date().toISOString();
    const dated = attempts.flatMap((row) => [
      { ...row, id: 'att_now', started_at: now },
      { ...row, id: 'att_old', started_at: '2001-01-01T00:00:00Z' },
    ]);
    await store.write(texts(dated, requests));
    const places = await database.query<{ id: string; place: string }[]>(
      'select id, tableoid::regclass::text as place from usage_attempts order by id',
    );
    expect(places).toEqual([
      { id: 'att_now', place: `usage_attempts_${now.slice(0, 7).replace('-', '_')}` },
      { id: 'att_old', place: 'usage_attempts_default' },
    ]);
  });

  it(
    'keeps on serving while the database is away, and has every row once it is back',
    async () => {
      const wire = new Wire(new URL(url));
      const running = await startBilling(await wire.connect(), root, { shipIntervalMs: 20 });
      const served = [await serve(running)];
      await until(async () => (await countOf('usage_requests')) === 1);
      await wire.cut();
      const end = clock.monotonic() + AWAY_MS;
      while (clock.monotonic() < end) {
        served.push(await serve(running));
        await sleep(5);
      }
      expect(running.billing.journalStats().backlogRows).toBe((served.length - 1) * 2);
      expect(await countOf('usage_requests')).toBe(1);
      await wire.connect();
      await until(async () => running.billing.journalStats().backlogRows === 0);
      const stored = await database.query<{ id: string }[]>('select id from usage_requests');
      expect(stored.map((row) => row.id).sort()).toEqual([...served].sort());
      expect(await countOf('usage_attempts')).toBe(served.length);
      await running.stop();
      await wire.cut();
      expect(fs.readdirSync(root)).toEqual([]);
      guarantee(
        'USE-2',
        `PostgreSQL away for ${AWAY_MS / 1000} s: ${served.length} calls served meanwhile, rows missing 0`,
      );
    },
    AWAY_MS * 2 + 60_000,
  );

  it('leaves its rows to the next process when it must stop without a database', async () => {
    const wire = new Wire(new URL(url));
    const running = await startBilling(await wire.connect(), root, { shipIntervalMs: 20, flushTimeoutMs: 300 });
    await wire.cut();
    const served = await Promise.all(Array.from({ length: 50 }, () => serve(running)));
    await running.usage.onApplicationShutdown();
    expect(await countOf('usage_requests')).toBe(0);
    const next = await startBilling(url, root);
    await until(async () => (await countOf('usage_requests')) === served.length);
    await next.stop();
    await running.database.destroy();
    expect(await countOf('usage_attempts')).toBe(served.length);
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it('puts a poisoned row aside, and the rows around it arrive', async () => {
    const running = await startBilling(url, root, { shipIntervalMs: 20 });
    const good = await Promise.all(Array.from({ length: 30 }, () => serve(running)));
    const poisoned = { ...rowsFromJournal().requests[0], id: 'req_poison', cost_nano_usd: '-1' };
    running.usage.journal.request(JSON.stringify(poisoned), true);
    good.push(...(await Promise.all(Array.from({ length: 30 }, () => serve(running)))));
    await until(async () => running.billing.journalStats().backlogRows === 0);
    expect(await countOf('usage_requests')).toBe(good.length);
    expect(running.billing.journalStats().poisonedRows).toBe(1);
    expect(fs.readFileSync(path.join(root, 'quarantine', 'rows.jsonl'), 'utf8')).toContain('req_poison');
    await running.stop();
  });

  it('stores the cost that the stored prices and tokens come to', async () => {
    const running = await startBilling(url, root);
    for (let tokens = 1; tokens < 40; tokens += 1) await serve(running, tokens * 37);
    await running.stop();
    const wrong = await database.query<unknown[]>(`
      select id from usage_attempts where cost_nano_usd <> ceil((
        (input_tokens - cache_read_tokens - cache_write_5m_tokens - cache_write_1h_tokens - input_audio_tokens)::numeric * input_price_pico
        + (output_tokens - reasoning_tokens - output_audio_tokens)::numeric * output_price_pico
      ) / 1000)`);
    expect(wrong).toEqual([]);
    expect(await countOf('usage_attempts')).toBe(39);
  });

  it(`loses and doubles nothing when it is killed at any point (${KILL_ROUNDS} rounds)`, async () => {
    const opened = new Map<string, string>();
    const settled = new Map<string, string>();
    const closed = new Map<string, string>();
    const met = new Set<Failpoint>();
    for (let round = 0; round < KILL_ROUNDS; round += 1) {
      const at = FAILPOINTS[round % FAILPOINTS.length] ?? 'after-settle';
      const hits = at === 'before-close-instance' ? 1 : 1 + Math.floor(Math.random() * 25);
      const child = Child.run(CHILD, [url, root], { env: { TEST_FAILPOINT: `${at},${hits}` } });
      // One that dies while it takes over what the one before has left never gets ready.
      await child.printed(/ready\n/).catch(() => undefined);
      if (await Promise.race([child.exit.then(() => true), sleep(PATIENCE_MS, false)])) met.add(at);
      child.process.kill('SIGKILL');
      await child.exit;
      expect(child.text).not.toContain('failed');
      for (const [, attempt = '', request = ''] of child.text.matchAll(/^opened (\S+) (\S+)$/gm))
        opened.set(attempt, request);
      for (const [, attempt = '', cost = ''] of child.text.matchAll(/^settled (\S+) (\d+)$/gm))
        settled.set(attempt, cost);
      for (const [, request = '', cost = ''] of child.text.matchAll(/^closed (\S+) (\d+)$/gm))
        closed.set(request, cost);
    }
    const last = await startBilling(url, root, { adoptIntervalMs: 50 });
    await until(async () => fs.readdirSync(root).length === 1);
    await last.stop();
    expect(fs.readdirSync(root)).toEqual([]);

    const attempts = await database.query<{ id: string; request_id: string; status: string; cost: string }[]>(
      'select id, request_id, status, cost_nano_usd as cost from usage_attempts',
    );
    const byId = new Map(attempts.map((row) => [row.id, row]));
    expect(byId.size).toBe(attempts.length);
    expect([...opened.keys()].filter((id) => !byId.has(id))).toEqual([]);
    expect(
      [...settled].filter(([id, cost]) => byId.get(id)?.status !== 'succeeded' || byId.get(id)?.cost !== cost),
    ).toEqual([]);
    // Killed between the journal and the print: at most one attempt for each of the four workers and each round.
    const unprinted = attempts.filter((row) => !opened.has(row.id));
    expect(unprinted.length).toBeLessThanOrEqual(4 * KILL_ROUNDS);
    const requests = await database.query<{ id: string; status: number; cost: string }[]>(
      'select id, status, cost_nano_usd as cost from usage_requests',
    );
    const requestById = new Map(requests.map((row) => [row.id, row]));
    expect(requestById.size).toBe(requests.length);
    expect(
      [...closed].filter(([id, cost]) => requestById.get(id)?.status !== 200 || requestById.get(id)?.cost !== cost),
    ).toEqual([]);
    // Every attempt belongs to a request on record, and the sums agree.
    const differing = await database.query<unknown[]>(`
      select a.request_id, r.cost_nano_usd, sum(a.cost_nano_usd) from usage_attempts a left join usage_requests r on r.id = a.request_id
      group by 1, 2 having r.cost_nano_usd is distinct from sum(a.cost_nano_usd)`);
    expect(differing).toEqual([]);
    expect(settled.size).toBeGreaterThan(KILL_ROUNDS);
    const inDoubt = attempts.filter((row) => row.status === 'in_doubt').length;
    expect(inDoubt).toBeGreaterThan(0);
    expect((await verifyLedger(database)).filter(({ differences }) => differences.length > 0)).toEqual([]);
    guarantee(
      'USE-1',
      `${KILL_ROUNDS} kill -9, at ${met.size} of ${FAILPOINTS.length} known points: ${attempts.length} attempts, ${inDoubt} in doubt, missing 0, duplicate 0, ledger balanced`,
    );
  }, 7_200_000);
});
