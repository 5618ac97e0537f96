import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { verifyLedger } from '../../src/billing';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { DoomedRedis } from '../support/doomed-redis';
import { Fleet } from '../support/fleet';
import { adminAt } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { TcpLink } from '../support/tcp-link';
import { createTestDatabase } from '../support/test-database';
import { numbered, truthOf } from '../support/truth';
import { until } from '../support/until';

/** How long the database is away. */
const AWAY_MS = Number(process.env['USAGE_AWAY_MS'] ?? 3_000);
const PER_SECOND = 50;
const CALLS = Number(process.env['USAGE_CALLS'] ?? 1_000);
const AT_ONCE = 25;
/** What the rows that wait may take of a gateway's memory: they are on disk. */
const MAX_GROWTH_MB = 50;

jest.setTimeout(AWAY_MS * 3 + 400_000);

/** Pico-dollars a token: 0.15 and 0.6 USD a million. */
const PRICE = { input: 150_000n, output: 600_000n };
const MODELS = ['one', 'two', 'falling'];

interface Caller {
  readonly keyId: string;
  readonly userId: string | null;
  readonly teamId: string;
  readonly departmentId: string;
  readonly secret: string;
}

/** What is on record of a numbered call. */
interface Row {
  readonly call: string;
  readonly key_id: string;
  readonly user_id: string | null;
  readonly team_id: string;
  readonly department_id: string;
  readonly requested_model: string;
  readonly provider: string;
  readonly attempts: number;
  readonly cache_status: string;
  readonly fallback: boolean;
  readonly cost: string;
  readonly made: readonly {
    provider: string;
    model: string;
    version: string;
    price: number;
    cost: number;
    who: string;
  }[];
}

describe('usage records of three gateway processes', () => {
  let simulator: Simulator;
  let redis: DoomedRedis;
  let link: TcpLink;
  let database: DataSource;
  let fleet: Fleet;
  const callers: Caller[] = [];
  let calls = 0;

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 0 });
    redis = await DoomedRedis.start();
    const url = await createTestDatabase();
    link = await TcpLink.create(url);
    await link.restore();
    const provider = (name: string) =>
      `{ type: openai-compatible, api_key: k, base_url: "${simulator.url}/${name}/v1", allow_private_network: true, models: [${name}-model] }`;
    const yaml = `
providers: { first: ${provider('first')}, second: ${provider('second')} }
models:
  one: { targets: [{ provider: first, model: first-model }] }
  two: { targets: [{ provider: second, model: second-model }] }
  falling: { targets: [{ provider: first, model: first-model }], fallbacks: [two] }
routing: { fallback: explicit, retries: 0 }
rate_limits: { default: { requests_per_minute: 1000000, tokens_per_minute: 1000000000 } }
cache: { enabled: true }
pricing: { overrides: { first-model: { input: 0.15, output: 0.6 } } }
budgets:
  counted: { scope: organization, limit_usd: 1000, period: total, hard: false }
`;
    const variables = { DATABASE_URL: link.through(url), REDIS_URL: redis.url };
    fleet = await Fleet.start(3, yaml, variables);
    database = await new DataSource({ type: 'postgres', url, logging: false }).initialize();
    await admin('PUT', '/prices/second-model', { input: '0.15', output: '0.6' });
    for (const department of ['research', 'sales']) {
      const departmentId = (await admin('POST', '/departments', { name: department })).id;
      for (const team of ['a', 'b']) {
        const teamId = (await admin('POST', '/teams', { name: `${department} ${team}`, department_id: departmentId }))
          .id;
        const email = `${department}-${team}@example.com`;
        const user = { email, name: email, team_ids: [teamId], role: 'member' };
        const userId = (await admin('POST', '/users', user)).id;
        for (const owner of [userId, undefined]) {
          const key = { name: 'k', team_id: teamId, ...(owner ? { user_id: owner } : {}) };
          const { id: keyId, secret } = await admin('POST', '/keys', key);
          callers.push({ keyId, userId: owner ?? null, teamId, departmentId, secret });
        }
      }
    }
    // A caller that cannot be looked up in time, on a machine that does much else, is nobody, and has no row.
    for (const caller of callers) {
      let known = 0;
      await until(async () => {
        known = (await ask(caller, 'one', 'Hello')).status === 200 ? known + 1 : 0;
        return known === fleet.members.length;
      });
    }
  });

  afterAll(async () => {
    await fleet.close();
    await database.destroy();
    await link.cut();
    await redis.kill();
    await simulator.close();
  });

  async function admin(method: string, route: string, body: object): Promise<{ id: string; secret: string }> {
    const answer = await adminAt(fleet.member(0).url)(method, route, body);
    if (answer.status >= 300) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as { id: string; secret: string };
  }

  async function ask(caller: Caller, model: string, prompt: string, stream = false) {
    const call = calls;
    calls += 1;
    const response = await fetch(`${fleet.member(call).url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${caller.secret}`, 'content-type': 'application/json', ...numbered(call) },
      body: JSON.stringify({
        model,
        max_tokens: 40,
        ...(stream ? { stream } : {}),
        messages: [{ role: 'user', content: prompt }],
      }),
    });
    const { status, headers } = response;
    await response.text();
    return { call, caller, model, status, headers };
  }
  type Answer = Awaited<ReturnType<typeof ask>>;

  const rowsFrom = (first: number): Promise<Row[]> =>
    database.query(
      `select r.metadata ->> 'call' as call, r.key_id, r.user_id, r.team_id, r.department_id, r.requested_model, r.provider, r.attempts,
         r.cache_status, r.fallback, r.cost_nano_usd as cost, coalesce((select jsonb_agg(jsonb_build_object('provider', a.provider,
           'model', a.model, 'version', a.price_version, 'price', a.input_price_pico, 'cost', a.cost_nano_usd,
           'who', concat_ws(' ', a.key_id, a.user_id, a.team_id, a.department_id)) order by a.index)
           from usage_attempts a where a.request_id = r.id), '[]') as made
       from usage_requests r where (r.metadata ->> 'call')::int >= $1`,
      [first],
    );

  /** Waits until all calls from a number on are on record, and holds them against what the provider did. */
  async function expectRecorded(first: number, answers: readonly Answer[]): Promise<void> {
    await until(async () => (await rowsFrom(first)).length >= answers.length, 120_000);
    const rows = await rowsFrom(first);
    expect(rows).toHaveLength(answers.length);
    const truth = truthOf(simulator, PRICE);
    const byCall = new Map(rows.map((row) => [Number(row.call), row]));
    for (const { call } of answers) {
      const { attempts = [], billedNanoUsd = 0n } = truth.get(call) ?? {};
      expect({ call, made: byCall.get(call)?.made.length, cost: byCall.get(call)?.cost }).toEqual({
        call,
        made: attempts.length,
        cost: billedNanoUsd.toString(),
      });
    }
    expect((await verifyLedger(database)).filter(({ differences }) => differences.length > 0)).toEqual([]);
  }

  /** Rows that wait in the journals of all gateways. */
  async function backlogRows(): Promise<number> {
    const texts = await Promise.all(fleet.members.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    return texts.reduce(
      (sum, text) => sum + Number(/^gateway_journal_backlog_records(?:\{.*\})? (\d+)/m.exec(text)![1]),
      0,
    );
  }

  /** Resident memory of each gateway, in megabytes. */
  const memory = (): number[] =>
    fleet.members.map(
      ({ pid }) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1_024,
    );

  /** So many calls a second until told to stop. */
  async function load(isOver: () => boolean): Promise<Answer[]> {
    const startedMs = performance.now();
    const running: Promise<Answer>[] = [];
    while (!isOver()) {
      const due = ((performance.now() - startedMs) / 1_000) * PER_SECOND;
      if (running.length < due) {
        const index = running.length;
        running.push(ask(callers[index % callers.length]!, 'one', `Load ${calls}. [[tokens:8]]`, index % 2 === 0));
      } else await sleep(5);
    }
    return Promise.all(running);
  }

  it('name who asked, what was asked, who was called and at which price (USE-6)', async () => {
    const first = calls;
    const answers: Answer[] = [];
    const expectedVersions = new Map<number, string>();
    for (const price of ['0.15', '0.3']) {
      // A price that changes between the halves: each attempt keeps the one of its time.
      await admin('PUT', '/prices/second-model', { input: price, output: '0.6' });
      await until(async () => {
        const versions = await Promise.all(fleet.members.map(({ url }) => adminAt(url)('GET', '/prices?limit=1')));
        return new Set(versions.map(({ body }) => (body as { version: string }).version)).size === 1;
      });
      const { version } = (await adminAt(fleet.member(0).url)('GET', '/prices?limit=1')).body as { version: string };
      simulator.scenario([{ match: { prefix: 'first' }, fault: '500', rate: 0.3 }]);
      const from = calls;
      for (let done = 0; done < CALLS / 2; done += AT_ONCE) {
        const batch = Array.from({ length: AT_ONCE }, () => {
          const caller = callers[Math.floor(Math.random() * callers.length)]!;
          const model = MODELS[Math.floor(Math.random() * MODELS.length)]!;
          const prompt = `Question ${Math.floor(Math.random() * 40)}? [[tokens:12]]`;
          return ask(caller, model, prompt, Math.random() < 0.5);
        });
        answers.push(...(await Promise.all(batch)));
      }
      for (let call = from; call < calls; call += 1) expectedVersions.set(call, version);
    }
    await until(async () => (await rowsFrom(first)).length >= answers.length, 120_000);
    const byCall = new Map((await rowsFrom(first)).map((row) => [Number(row.call), row]));
    const truth = truthOf(simulator, PRICE);
    const seen = { hits: 0, fallbacks: 0, failures: 0 };
    for (const { call, caller, model, status, headers } of answers) {
      const row = byCall.get(call);
      const { attempts = [] } = truth.get(call) ?? {};
      const who = [caller.keyId, caller.userId, caller.teamId, caller.departmentId]
        .filter((id) => id !== null)
        .join(' ');
      expect({
        call,
        who: [row?.key_id, row?.user_id, row?.team_id, row?.department_id].filter((id) => id !== null).join(' '),
        model: row?.requested_model,
        cache: row?.cache_status,
        fallback: String(row?.fallback),
        made: row?.made.map((one) => [one.provider, one.model, one.who, one.version]),
        cost: BigInt(row?.cost ?? -1),
      }).toEqual({
        call,
        who,
        model,
        cache: headers.get('x-gateway-cache'),
        fallback: status === 200 ? headers.get('x-gateway-fallback') : 'false',
        made: attempts.map(({ prefix }) => [prefix, `${prefix}-model`, who, expectedVersions.get(call)]),
        cost: row?.made.reduce((sum, { cost }) => sum + BigInt(cost), 0n),
      });
      const isHit = headers.get('x-gateway-cache') === 'hit';
      if (isHit) expect({ call, made: row?.made }).toEqual({ call, made: [] });
      else if (status === 200) expect(row?.provider).toBe(headers.get('x-gateway-provider'));
      seen.hits += isHit ? 1 : 0;
      seen.fallbacks += row?.fallback ? 1 : 0;
      seen.failures += status === 200 ? 0 : 1;
    }
    expect(Math.min(seen.hits, seen.fallbacks, seen.failures)).toBeGreaterThan(0);
    guarantee(
      'USE-6',
      `${answers.length} calls of ${callers.length} keys, ${seen.hits} cache hits, ${seen.fallbacks} fallbacks, ${seen.failures} failures, a price changed: 100 % attributed rightly`,
    );
    await admin('PUT', '/prices/second-model', { input: '0.15', output: '0.6' });
  });

  it('are complete though Redis is killed and wiped (USE-3)', async () => {
    const first = calls;
    simulator.scenario([]);
    let isOver = false;
    const loading = load(() => isOver);
    for (let round = 0; round < 3; round += 1) {
      await sleep(400);
      await redis.kill();
      await sleep(200);
      await redis.up();
    }
    await sleep(400);
    isOver = true;
    const answers = await loading;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await expectRecorded(first, answers);
    guarantee(
      'USE-3',
      `Redis killed and wiped 3 times under ${PER_SECOND} calls a second: ${answers.length} calls, missing 0`,
    );
  });

  it('are complete though PostgreSQL was away, and the calls go on meanwhile (USE-2)', async () => {
    const first = calls;
    let isOver = false;
    const loading = load(() => isOver);
    await sleep(500);
    const before = memory();
    await link.cut();
    await sleep(AWAY_MS);
    const growth = Math.max(0, ...memory().map((after, index) => after - before[index]!));
    const waiting = calls - first;
    isOver = true;
    const answers = await loading;
    const backlog = await backlogRows();
    const restoredMs = performance.now();
    await link.restore();
    await until(async () => (await backlogRows()) === 0, 120_000);
    const seconds = (performance.now() - restoredMs) / 1_000;
    await expectRecorded(first, answers);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // At least a row for each call that was served without a database: none was given up.
    expect(backlog).toBeGreaterThan(AWAY_MS / 1_000);
    expect(growth).toBeLessThan(MAX_GROWTH_MB);
    guarantee(
      'USE-2',
      `three processes, PostgreSQL away for ${AWAY_MS / 1_000} s at ${PER_SECOND} calls a second: ${waiting} calls served, missing 0, ` +
        `${backlog} rows shipped in ${seconds.toFixed(1)} s once it was back, the wait for it included (${Math.round(backlog / seconds)} a second), memory of a gateway +${growth.toFixed(0)} MB at most`,
    );
  });
});
