import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { verifyLedger } from '../../src/billing';
import { parseUsd } from '../../src/core/money';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { post } from '../support/post';
import { TcpLink } from '../support/tcp-link';
import { until } from '../support/until';
import { Fleet } from '../support/fleet';
import { adminAt, recordOf } from '../support/gateway';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';

jest.setTimeout(300_000);

const MODEL = 'gpt-4o-mini';
/** Pico-dollars a token: 0.15 and 0.6 USD a million. */
const [INPUT_PICO, OUTPUT_PICO] = [150_000n, 600_000n];

/** With another price for long prompts. */
const TIERED = 'tiered-model';

/** Calls on each path that a call can end on. */
const PATH_CALLS = Number(process.env['PATH_CALLS'] ?? 20);

interface EndPath {
  readonly name: string;
  readonly model?: string;
  readonly changes?: object;
  readonly prompt?: string;
  /** What is spent is what the provider billed; else it is what was counted here. */
  readonly isExact?: boolean;
  /** The client leaves after so many bytes; -1: before any. */
  readonly leave?: number;
}
const PATHS: readonly EndPath[] = [
  { name: 'an answer', isExact: true, prompt: '[[tokens:20]]' },
  { name: 'a stream', isExact: true, changes: { stream: true }, prompt: '[[tokens:20]]' },
  { name: 'a refusal of the provider', isExact: true, prompt: '[[fault:400]]' },
  { name: 'a failure of the provider', isExact: true, prompt: '[[fault:500]]' },
  { name: 'a broken connection', prompt: '[[fault:reset]]' },
  { name: 'a stream that is cut', changes: { stream: true }, prompt: '[[tokens:30]] [[fault:cut-after=5]]' },
  { name: 'a time-out', model: 'sleepy-model', prompt: '[[fault:hang]]' },
  { name: 'a fallback', isExact: true, model: 'falling', prompt: '[[tokens:10]]' },
  { name: 'a client that leaves before the answer', prompt: '[[fault:delay=300]]', leave: -1 },
  {
    name: 'a client that leaves in a stream',
    changes: { stream: true },
    prompt: '[[tokens:50]] [[fault:slow=4]]',
    leave: 900,
  },
];

interface Body {
  readonly id?: string;
  readonly data?: Body[];
  readonly error?: { code: string; param: string | null; message: string; type: string };
  readonly [field: string]: unknown;
}

describe('budgets in three gateways against what the provider really billed', () => {
  let simulator: Simulator;
  let link: TcpLink;
  let fleet: Fleet;
  let database: DataSource;

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 0 });
    const direct = await createTestDatabase();
    link = await TcpLink.create(direct);
    await link.restore();
    const url = link.through(direct);
    const yaml = `
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [${MODEL}, gpt-4o, house-model, ${TIERED}] }
  sleepy: { type: openai-compatible, api_key: k3, base_url: "${simulator.url}/sleepy/v1", allow_private_network: true, models: [sleepy-model], timeouts: { first_byte: 300ms } }
  broken: { type: openai, api_key: k2, base_url: "${simulator.url}/broken/v1", allow_private_network: true, models: [broken-model] }
models:
  falling: { targets: [{ provider: broken, model: broken-model }], fallbacks: [${MODEL}] }
routing: { retries: 0, fallback: explicit }
pricing:
  unknown: estimate
  overrides:
    ${TIERED}: { input: 0.15, output: 0.6, long_context: [{ above_input_tokens: 272000, input: 15, output: 60 }] }
    broken-model: { input: 0.15, output: 0.6 }
    sleepy-model: { input: 0.15, output: 0.6 }
rate_limits: { default: { requests_per_minute: 1000000, tokens_per_minute: 1000000000 } }
cache: { enabled: false }
budgets:
  declared: { scope: organization, limit_usd: 1000, period: total }
`;
    fleet = await Fleet.start(3, yaml, { DATABASE_URL: url });
    database = await new DataSource({ type: 'postgres', url: direct, logging: false }).initialize();
  });

  afterAll(async () => {
    await fleet.close();
    await database.destroy();
    await link.cut();
    await simulator.close();
  });

  beforeEach(() => simulator.reset());

  /** What a test that failed has left would fail those after it. */
  afterEach(async () => {
    const { body } = await admin('GET', '/budgets');
    for (const { id, source } of body.data ?? []) if (source === 'api') await admin('DELETE', `/budgets/${String(id)}`);
  });

  const admin = async (method: string, route: string, body?: unknown): Promise<{ status: number; body: Body }> => {
    const answer = await adminAt(fleet.member(0).url)(method, route, body);
    return { status: answer.status, body: (answer.body ?? {}) as Body };
  };

  const ask = async (index: number, changes: object = {}, prompt = 'Tell me about leases.') => {
    const response = await fetch(`${fleet.member(index).url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fleet.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: prompt }], ...changes }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  /** Nano-dollars that the provider billed since the last reset, call by call rounded up. */
  const billed = (): bigint =>
    simulator
      .journal()
      .reduce(
        (sum, { inputTokens, outputTokens }) =>
          sum + (BigInt(inputTokens) * INPUT_PICO + BigInt(outputTokens) * OUTPUT_PICO + 999n) / 1_000n,
        0n,
      );

  const declared = async (): Promise<Body> => {
    const { body } = await admin('GET', '/budgets');
    const budget = body.data?.find(({ name }) => name === 'declared');
    if (!budget) throw new Error('the declared budget is gone');
    return budget;
  };

  /** Waits until every gateway pays from a budget: its calls are counted there. */
  const inForce = async (id: string, changes: object = { max_tokens: 1 }): Promise<void> => {
    for (let index = 0; index < 3; index += 1) {
      await until(async () => {
        const before = await booked(id);
        const { headers } = await ask(index, changes, '[[tokens:1]]');
        await recordOf(adminAt(fleet.member(0).url), headers.get('x-request-id') ?? '');
        return (await booked(id)) > before;
      }, 60_000);
    }
  };

  /** What the attempts on record have cost a budget, whatever else of it is held or not accounted for yet. */
  const booked = async (id: string): Promise<bigint> => {
    const [row] = await database.query<{ cost: string }[]>(
      'select coalesce(sum(cost_nano_usd), 0) as cost from usage_attempts where charges @> $1::jsonb',
      [JSON.stringify([{ budget: id }])],
    );
    return BigInt(row?.cost ?? 0);
  };

  /** A client that leaves after some bytes, or (-1) before any. Its status; 0: it left before it had one. */
  const leaving = async (index: number, changes: object, prompt: string, afterBytes: number): Promise<number> => {
    const body = { model: MODEL, messages: [{ role: 'user', content: prompt }], ...changes };
    const leave = afterBytes < 0 ? { afterMs: 5 + (index % 40) } : { afterBytes };
    const url = `${fleet.member(index).url}/v1/chat/completions`;
    return (await post(url, { authorization: `Bearer ${fleet.apiKey}` }, body, leave)).status;
  };

  const settled = async (id: string): Promise<Body> => {
    for (let round = 0; round < 200; round += 1) {
      const { body } = await admin('GET', `/budgets/${id}`);
      if (body['held_usd'] === '0') return body;
      await sleep(100);
    }
    throw new Error('money is still held');
  };

  /** What a budget says of its money, at rest; its forecast changes by itself. */
  const standing = async (id: string): Promise<unknown[]> => {
    const budget = await settled(id);
    return ['spent_usd', 'held_usd', 'remaining_usd', 'limit_usd'].map((figure) => budget[figure]);
  };

  const good = { scope: 'organization', limit_usd: '1', period: 'month' };

  /** Whole answers and streams, with a bound and without: each costs the same. */
  const KINDS = [{ max_tokens: 40 }, { max_tokens: 40, stream: true }, {}, { stream: true }];
  const PROMPT = '[[tokens:40]] Tell me about leases.';

  it('spends what there is and never more: 1,000 calls at once, money for 100, streamed or not, bounded or not (BUD-1)', async () => {
    await ask(0, KINDS[0], PROMPT);
    const one = billed();
    simulator.reset();
    const limit = one * 100n;
    const created = await admin('POST', '/budgets', {
      scope: 'organization',
      limit_usd: `0.${limit.toString().padStart(9, '0')}`,
      period: 'month',
    });
    expect(created.status).toBe(201);
    const id = String(created.body.id);
    await inForce(id);
    simulator.reset();
    const before = await booked(id);
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => ask(index, KINDS[Math.floor(index / 3) % KINDS.length], PROMPT)),
    );
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.find(({ status }) => status === 429);
    const clamped = served.filter(({ headers }) => headers.has('x-gateway-max-tokens-clamped'));
    expect(before + billed()).toBeLessThanOrEqual(limit);
    expect(served.length + Number(before / one)).toBeGreaterThanOrEqual(95);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect(refused?.headers.get('x-should-retry')).toBe('false');
    expect((JSON.parse(refused?.text ?? '{}') as Body).error).toMatchObject({
      code: 'budget_exceeded',
      type: 'insufficient_quota',
      message: expect.stringContaining('organization budget "per month"') as string,
    });
    const after = await settled(id);
    expect(parseUsd(String(after['spent_usd']))).toBe(before + billed());
    expect(after['resets_at']).toMatch(/^\d{4}-\d\d-01T00:00:00.000Z$/);
    expect((await admin('DELETE', `/budgets/${id}`)).status).toBe(204);
    await until(async () => (await ask(1, KINDS[0], PROMPT)).status === 200);
    guarantee(
      'BUD-1',
      `three gateways, 1,000 calls at once, streamed or not, bounded or not, money for 100: ${served.length} served, ${clamped.length} clamped, overspend 0 nano-dollars`,
    );
  });

  it.each([
    { name: PATHS.filter(({ isExact }) => isExact).map(({ name }) => name), isExact: true },
    { name: PATHS.filter(({ isExact }) => !isExact).map(({ name }) => name), isExact: false },
  ])('holds nothing after $name (BUD-2)', async ({ name, isExact }) => {
    const held = async (): Promise<string> => String((await declared())['held_usd']);
    const id = String((await declared()).id);
    await until(async () => (await held()) === '0', 35_000);
    const before = await booked(id);
    simulator.reset();
    simulator.scenario([{ match: { prefix: 'broken' }, fault: '500' }]);
    for (const { model, changes, prompt = '', leave } of PATHS.filter((path) => name.includes(path.name))) {
      const body = { max_tokens: 60, ...(model ? { model } : {}), ...changes };
      const statuses = await Promise.all(
        Array.from({ length: PATH_CALLS }, async (_, index) =>
          leave ? leaving(index, body, prompt, leave) : (await ask(index, body, prompt)).status,
        ),
      );
      // Nobody was refused for money that somebody else's ended call still held.
      expect(statuses).not.toContain(429);
    }
    await until(async () => (await held()) === '0', 35_000);
    if (isExact) expect((await booked(id)) - before).toBe(billed());
  });

  it.each([
    { what: 'a tool that runs at the provider', changes: { tools: [{ type: 'web_search' }] } },
    { what: 'a model whose price is a guess', changes: { model: 'house-model' } },
    { what: 'a service tier without a price', changes: { model: TIERED, service_tier: 'priority' } },
    {
      what: 'audio in the prompt, without a price for it',
      changes: {
        messages: [
          { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } }] },
        ],
      },
    },
    {
      what: 'an answer in audio, without a price for it',
      changes: { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } },
    },
    {
      what: 'a file that lies at the provider',
      changes: { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-abc' } }] }] },
    },
  ])('refuses $what under a hard budget, without asking the provider (BUD-3)', async ({ changes }) => {
    const answers = await Promise.all([0, 1, 2].map((index) => ask(index, changes)));
    expect(answers.map(({ status, text }) => [status, (JSON.parse(text) as Body).error?.code])).toEqual(
      Array.from({ length: 3 }, () => [400, 'budget_unpriceable']),
    );
    expect(simulator.journal()).toEqual([]);
  });

  it('reserves at the price of the prompt size that can be reached: what pays for a short prompt does not for a long one (BUD-3)', async () => {
    const long = 'word '.repeat(300_000);
    const changes = { model: TIERED, max_tokens: 20 };
    // Pays for each byte at the low price of short prompts, not at a hundred times that.
    const made = await admin('POST', '/budgets', {
      scope: 'organization',
      limit_usd: '2',
      period: 'day',
      models: [TIERED],
    });
    await inForce(String(made.body.id), { model: TIERED, max_tokens: 1 });
    simulator.reset();
    const refused = await ask(0, changes, long);
    expect([refused.status, (JSON.parse(refused.text) as Body).error?.code]).toEqual([429, 'budget_exceeded']);
    expect(simulator.journal()).toEqual([]);
    expect((await ask(1, changes, 'word')).status).toBe(200);
    await admin('DELETE', `/budgets/${String(made.body.id)}`);
  });

  it('refuses when PostgreSQL cannot say what is left, and pays again once it can (BUD-3)', async () => {
    // Long idle, so that no lease is left to go on with.
    await until(async () => (await declared())['held_usd'] === '0', 35_000);
    await link.cut();
    simulator.reset();
    const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(index, { max_tokens: 20 })));
    expect(answers.map(({ status, text }) => [status, (JSON.parse(text) as Body).error?.code])).toEqual(
      answers.map(() => [503, 'budget_unavailable']),
    );
    expect(answers.every(({ headers }) => headers.has('retry-after'))).toBe(true);
    expect(simulator.journal()).toEqual([]);
    await link.restore();
    await until(async () => (await ask(0, { max_tokens: 20 })).status === 200, 60_000);
    guarantee(
      'BUD-3',
      'provider tools, guessed prices, service tiers, audio in and out, files elsewhere, long prompts, PostgreSQL away: all refused, 0 calls to the provider',
    );
  });

  it('a refusal at any level names it and changes nothing at the others (BUD-4)', async () => {
    const { data: [key] = [] } = (await admin('GET', '/keys')).body;
    const levels = { organization: {}, team: { scope_id: key?.['team_id'] }, key: { scope_id: key?.id } };
    const make = async (scope: string, limit: string): Promise<string> => {
      const of = levels[scope as keyof typeof levels];
      const made = await admin('POST', '/budgets', { scope, ...of, limit_usd: limit, period: 'week' });
      expect(made.status).toBe(201);
      return String(made.body.id);
    };
    for (const empty of Object.keys(levels)) {
      const ample = await Promise.all(Object.keys(levels).map((scope) => (scope === empty ? '' : make(scope, '5'))));
      const ids = ample.filter((id) => id !== '');
      for (const id of ids) await inForce(id);
      const refusing = await make(empty, '0.000000001');
      await until(async () => {
        const answers = await Promise.all([0, 1, 2].map((index) => ask(index, { max_tokens: 1 })));
        return answers.every(({ status }) => status === 429);
      });
      const before = await Promise.all(ids.map(standing));
      simulator.reset();
      const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(index, { max_tokens: 20 })));
      for (const { status, text } of answers) {
        expect([status, (JSON.parse(text) as Body).error]).toMatchObject([
          429,
          { code: 'budget_exceeded', details: { scope: empty, budget_id: refusing } },
        ]);
      }
      expect(simulator.journal()).toEqual([]);
      expect(await Promise.all(ids.map(standing))).toEqual(before);
      for (const id of [...ids, refusing]) await admin('DELETE', `/budgets/${id}`);
    }
    guarantee('BUD-4', 'three gateways, a refusal at each of three levels: named, 0 calls, the other levels unchanged');
  });

  it('books what a provider bills beyond what was agreed, and no call after it exceeds what is left (BUD-5)', async () => {
    const made = await admin('POST', '/budgets', { ...good, limit_usd: '0.001' });
    const id = String(made.body.id);
    await inForce(id);
    const before = await booked(id);
    simulator.reset();
    const statuses: number[] = [];
    for (let call = 0; call < 6; call += 1) {
      const { status, headers } = await ask(call, { max_tokens: 300 }, '[[tokens:300]] [[fault:bill=3x]]');
      statuses.push(status);
      // What it cost is known everywhere once it is stored; calls at the same time can each be lied about.
      await recordOf(adminAt(fleet.member(0).url), headers.get('x-request-id') ?? '');
      await settled(id);
    }
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    const spent = await booked(id);
    // The journal has what was written; three times that was billed.
    const lied = billed() * 3n;
    expect(spent - before).toBe(lied);
    const overrun = spent - 1_000_000n;
    expect(overrun).toBeLessThanOrEqual(lied / BigInt(simulator.journal().length));
    guarantee(
      'BUD-5',
      `three gateways, a provider that bills threefold: all of it booked, the budget exceeded by ${overrun} nano-dollars, the last call's lie`,
    );
  });

  it('takes a lowered limit into force everywhere within a second, whatever is in flight (BUD-8)', async () => {
    const made = await admin('POST', '/budgets', { ...good, limit_usd: '5' });
    const id = String(made.body.id);
    await inForce(id);
    const running = [0, 1, 2].map((index) =>
      ask(index, { max_tokens: 200, stream: true }, '[[tokens:200]] [[fault:slow=15]]'),
    );
    await sleep(300);
    expect((await admin('PATCH', `/budgets/${id}`, { limit_usd: '0.000000001' })).status).toBe(200);
    const loweredMs = performance.now();
    await Promise.all(
      [0, 1, 2].map((index) => until(async () => (await ask(index, { max_tokens: 1 })).status === 429, 10_000)),
    );
    const seconds = (performance.now() - loweredMs) / 1_000;
    expect((await admin('GET', `/budgets/${id}`)).body).toMatchObject({ remaining_usd: '0', limit_usd: '0.000000001' });
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200]);
    const after = await settled(id);
    expect([after['remaining_usd'], parseUsd(String(after['spent_usd']))]).toEqual(['0', await booked(id)]);
    guarantee(
      'BUD-8',
      `three gateways, limit lowered with three streams in flight: refused everywhere after ${seconds.toFixed(2)} s, streams ended, left 0`,
    );
  });

  it('begins a new period on all gateways, while running calls belong to the old one (BUD-8)', async () => {
    const made = await admin('POST', '/budgets', { ...good, limit_usd: '5', period: 'hour' });
    const id = String(made.body.id);
    await inForce(id);
    const onRecord = async ({ headers }: { headers: Headers }): Promise<bigint> => {
      const { cost_usd: cost } = await recordOf(adminAt(fleet.member(0).url), headers.get('x-request-id') ?? '');
      return parseUsd(String(cost));
    };
    const spentIn = async (): Promise<{ old: bigint; current: bigint }> => {
      const rows = await database.query<{ is_over: boolean; spent: string }[]>(
        'select ends_at <= clock_timestamp() as is_over, spent_nano_usd as spent from budget_periods where budget_id = $1',
        [id],
      );
      const sum = (isOver: boolean): bigint =>
        rows.filter(({ is_over }) => is_over === isOver).reduce((total, { spent }) => total + BigInt(spent), 0n);
      return { old: sum(true), current: sum(false) };
    };
    // An hour's end that comes soon, and that every gateway is told of with its next lease.
    await settled(id);
    await database.query(
      "update budget_periods set ends_at = clock_timestamp() + interval '4 seconds' where budget_id = $1",
      [id],
    );
    const running = ask(0, { max_tokens: 600, stream: true }, '[[tokens:600]] [[fault:slow=15]]');
    await sleep(4_000);
    for (let index = 0; index < 3; index += 1) {
      await until(async () => {
        const { current } = await spentIn();
        await onRecord(await ask(index, { max_tokens: 1 }, '[[tokens:1]]'));
        return (await spentIn()).current > current;
      }, 30_000);
    }
    const before = await spentIn();
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => ask(index, { max_tokens: 5 }, '[[tokens:5]]')),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const ofAnswers = (await Promise.all(answers.map(onRecord))).reduce((sum, cost) => sum + cost, 0n);
    const ofRunning = await onRecord(await running);
    await settled(id);
    expect(await spentIn()).toEqual({ old: before.old + ofRunning, current: before.current + ofAnswers });
    expect(before.old + before.current + ofRunning + ofAnswers).toBe(await booked(id));
    guarantee(
      'BUD-8',
      'three gateways, a new period with a stream in flight: the stream in the old one, 30 calls in the new one',
    );
  });

  it('has a ledger that balances after all that (BUD-7)', async () => {
    const checks = await verifyLedger(database);
    expect(checks.filter(({ differences }) => differences.length > 0)).toEqual([]);
    guarantee(
      'BUD-7',
      `after everything above in three gateways: ${checks.length} checks of the ledger, 0 differences`,
    );
  });

  it('shows budgets of the configuration, and leaves them to it', async () => {
    const { body } = await admin('GET', '/budgets');
    const declared = body.data?.find(({ name }) => name === 'declared');
    expect(declared).toMatchObject({ source: 'config', scope: 'organization', limit_usd: '1000', hard: true });
    expect(declared?.['resets_at']).toBeNull();
    expect((await admin('PATCH', `/budgets/${String(declared?.id)}`, { limit_usd: '5' })).status).toBe(409);
    expect(body.data?.filter(({ source }) => source === 'config')).toHaveLength(1);
  });

  it('creates, changes, tops up and removes', async () => {
    const created = await admin('POST', '/budgets', {
      scope: 'organization',
      limit_usd: '2.5',
      period: 'day',
      timezone: 'Europe/Berlin',
      hard: false,
    });
    expect(created).toMatchObject({
      status: 201,
      body: {
        limit_usd: '2.5',
        spent_usd: '0',
        held_usd: '0',
        remaining_usd: '2.5',
        timezone: 'Europe/Berlin',
        alerts: [0.5, 0.8, 1],
        models: null,
      },
    });
    const route = `/budgets/${String(created.body.id)}`;
    expect((await admin('PATCH', route, { limit_usd: '3', models: ['gpt-4o*'] })).body).toMatchObject({
      limit_usd: '3',
      models: ['gpt-4o*'],
    });
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    expect(
      await admin('POST', `${route}/top-ups`, { amount_usd: '1', expires_at: expires, reason: 'launch' }),
    ).toMatchObject({
      status: 201,
      body: { amount_usd: '1', reason: 'launch' },
    });
    expect((await admin('GET', route)).body).toMatchObject({ limit_usd: '3', remaining_usd: '4' });
    expect((await admin('DELETE', route)).status).toBe(204);
    expect((await admin('GET', route)).status).toBe(404);
  });

  it('refuses a second budget for the same calls by the same period, also when it becomes one', async () => {
    const first = await admin('POST', '/budgets', { ...good, name: 'first', period: 'week' });
    const again = await admin('POST', '/budgets', { ...good, period: 'week', limit_usd: '7', timezone: 'Asia/Tokyo' });
    expect([again.status, again.body.error?.param]).toEqual([400, 'period']);
    expect(again.body.error?.message).toContain('"first"');
    // Other models, a soft one, another period: each counts something else.
    const others = await Promise.all(
      [{ models: ['gpt-4o'] }, { hard: false }, { period: 'day' }].map((changes) =>
        admin('POST', '/budgets', { ...good, period: 'week', ...changes }),
      ),
    );
    expect(others.map(({ status }) => status)).toEqual([201, 201, 201]);
    const changed = await admin('PATCH', `/budgets/${String(others[0]!.body.id)}`, { models: null });
    expect([changed.status, changed.body.error?.param]).toEqual([400, 'period']);
    for (const { body } of [first, ...others]) await admin('DELETE', `/budgets/${String(body.id)}`);
    const both = await Promise.all([1, 2].map(() => admin('POST', '/budgets', { ...good, period: 'week' })));
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([201, 400]));
    for (const { status, body } of both) if (status === 201) await admin('DELETE', `/budgets/${String(body.id)}`);
  });

  it.each([
    ['limit_usd', { limit_usd: '-1' }],
    ['limit_usd', { limit_usd: '0' }],
    ['limit_usd', { limit_usd: 1 }],
    ['limit_usd', { limit_usd: '0.0000000001' }],
    ['limit_usd', { limit_usd: '9999999999' }],
    ['limit_usd', { limit_usd: '1e3' }],
    ['scope', { scope: 'planet' }],
    ['period', { period: 'year' }],
    ['timezone', { timezone: 'Mars/Olympus' }],
    ['scope_id', { scope: 'team' }],
    ['scope_id', { scope: 'team', scope_id: 'team_00000000000000000000000000' }],
    ['scope_id', { scope_id: 'team_00000000000000000000000000' }],
    ['alerts', { alerts: [-1] }],
    ['models', { models: [] }],
    ['colour', { colour: 'red' }],
  ])('refuses a wrong %s: %j', async (param, changes) => {
    const answer = await admin('POST', '/budgets', { ...good, ...changes });
    expect([answer.status, answer.body.error?.param]).toEqual([400, param]);
  });
});
