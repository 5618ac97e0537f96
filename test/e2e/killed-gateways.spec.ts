import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { verifyLedger } from '../../src/billing';
import { NANO_PER_USD } from '../../src/core/money';
import { startSimulator, type Simulator } from '../../src/providers/simulator/server/simulator';
import { FAILPOINTS, type Failpoint } from '../support/failpoints';
import { Fleet, type Asked } from '../support/fleet';
import { guarantee } from '../support/guarantee';
import type { MortalGateway } from '../support/mortal-gateway';
import { createTestDatabase } from '../support/test-database';
import { truthOf } from '../support/truth';
import { until } from '../support/until';

jest.setTimeout(4 * 60 * 60_000);

const KILLS = Number(process.env['FLEET_KILLS'] ?? 2);
/** Longer than a lease lasts, in the nightly run; else the leases are made to look that old. */
const STOPPED_MS = Number(process.env['FLEET_STOPPED_MS'] ?? 0);
const STOPS = Number(process.env['FLEET_STOPS'] ?? 1);
const WORKERS = 6;
const SEED = Number(process.env['FLEET_SEED'] ?? Date.now() % 1_000_000_000);

/** A failpoint that is not met by then (nothing to take over, no stream so long) is a kill at any moment. */
const PATIENCE_MS = 6_000;
/** Pico-dollars a token of gpt-4o-mini. */
const PRICE = { input: 150_000n, output: 600_000n };
const LIMIT_USD = 50;

/** Mulberry32: the same seed, the same rounds. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Row {
  readonly id: string;
  readonly call: string | null;
  readonly status: string;
  readonly error: string | null;
  readonly source: string;
  readonly cost: string;
}

describe('three gateways that are killed at any point, and one that comes back from the dead', () => {
  const random = randomOf(SEED);
  let simulator: Simulator;
  let fleet: Fleet;
  let database: DataSource;

  beforeAll(async () => {
    simulator = await startSimulator({ port: 0, speed: 0 });
    const url = await createTestDatabase();
    fleet = await Fleet.start(
      3,
      `
providers:
  openai: { api_key: k1, base_url: "${simulator.url}/openai/v1", allow_private_network: true, models: [gpt-4o-mini] }
routing: { retries: 1 }
rate_limits: { default: { requests_per_minute: 1000000, tokens_per_minute: 1000000000 } }
cache: { enabled: false }
budgets:
  everybody: { scope: organization, limit_usd: ${LIMIT_USD}, period: total }
`,
      { DATABASE_URL: url },
    );
    database = await new DataSource({ type: 'postgres', url, logging: false }).initialize();
  });

  afterAll(async () => {
    await database.destroy();
    await fleet.close();
    await simulator.close();
  });

  /** Calls of every kind, one after the other, until told to stop. */
  async function load(isOver: () => boolean, answers: Asked[]): Promise<void> {
    while (!isOver()) {
      const dice = random();
      const prompt = `[[tokens:${5 + Math.floor(random() * 40)}]] ${dice < 0.1 ? '[[fault:500]]' : ''}${dice > 0.6 ? '[[fault:slow=3]]' : ''}`;
      const answer = await fleet.ask(Math.floor(random() * 3), prompt, {
        stream: dice > 0.4,
        ...(random() < 0.7 ? { maxTokens: 60 } : {}),
        ...(dice > 0.9 ? { leaveAfterBytes: 900 } : {}),
      });
      answers.push(answer);
      await sleep(answer.status === 0 ? 50 : 5);
    }
  }

  /** Two at a time are killed at any moment and again at a known point, while the third goes on and takes over from them. */
  async function killRounds(): Promise<Set<Failpoint>> {
    const met = new Set<Failpoint>();
    const first = Math.floor(random() * FAILPOINTS.length);
    for (let round = 0; round < KILLS; round += 2) {
      const victims = [round, round + 1].slice(0, KILLS - round).map((number) => ({
        member: fleet.member(number),
        at: FAILPOINTS[(first + number) % FAILPOINTS.length] ?? 'after-settle',
      }));
      await Promise.all(
        victims.map(async ({ member, at }) => {
          await member.kill();
          const hits = at === 'before-close-instance' ? 1 : 1 + Math.floor(random() * 12);
          const isUp = await member.start({ at, hits });
          const died = !isUp || (await Promise.race([member.dead().then(() => true), sleep(PATIENCE_MS, false)]));
          if (died) met.add(at);
          await member.kill();
          await member.start();
        }),
      );
    }
    return met;
  }

  /** The instance that a gateway is, by the journal that it writes. */
  function instanceOf({ pid }: MortalGateway): string {
    const owned = readdirSync(fleet.journals).find((name) => {
      const file = path.join(fleet.journals, name, 'owner.json');
      return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid === pid;
    });
    if (owned === undefined) throw new Error(`no journal belongs to process ${pid}`);
    return owned;
  }

  async function hasLease(instance: string, state: 'open' | 'charged'): Promise<boolean> {
    const found = 'select 1 from budget_leases where instance_id = $1 and state = $2 limit 1';
    return (await database.query<object[]>(found, [instance, state])).length > 0;
  }

  /** Stops it with a lease in its hand: one that nobody asks gives its leases back. */
  async function stopWithLease(victim: MortalGateway, instance: string): Promise<void> {
    await until(async () => {
      victim.signal('SIGSTOP');
      if (await hasLease(instance, 'open')) return true;
      victim.signal('SIGCONT');
      await sleep(100);
      return false;
    }, 60_000);
  }

  async function stopRounds(): Promise<void> {
    for (let round = 0; round < STOPS; round += 1) {
      const victim = fleet.member(round);
      const instance = instanceOf(victim);
      await stopWithLease(victim, instance);
      if (STOPPED_MS === 0) await database.query("update budget_leases set expires_at = now() - interval '1 second'");
      await sleep(STOPPED_MS);
      await until(() => hasLease(instance, 'charged'), 60_000);
      victim.signal('SIGCONT');
    }
  }

  const rows = (): Promise<Row[]> =>
    database.query(`select a.id, r.metadata ->> 'call' as call, a.status, a.error, a.usage_source as source, a.cost_nano_usd as cost
      from usage_attempts a left join usage_requests r on r.id = a.request_id`);

  it(`has one row for each call, and every nano-dollar in its place (${KILLS} kills, ${STOPS} stops)`, async () => {
    const answers: Asked[] = [];
    let isOver = false;
    const workers = Array.from({ length: WORKERS }, () => load(() => isOver, answers));
    const met = await killRounds();
    await stopRounds();
    isOver = true;
    await Promise.all(workers);
    // Whoever lives takes over what the dead have left; ended in order, nobody leaves anything.
    await until(() => readdirSync(fleet.journals).filter((name) => name.startsWith('inst_')).length === 3, 90_000);
    await Promise.all(fleet.members.map((member) => member.stop()));
    expect(readdirSync(fleet.journals)).toEqual([]);

    const stored = await rows();
    expect(new Set(stored.map(({ id }) => id)).size).toBe(stored.length);
    // Every attempt belongs to a request on record.
    expect(stored.filter(({ call }) => call === null)).toEqual([]);
    const byCall = new Map<number, Row[]>();
    for (const row of stored) byCall.set(Number(row.call), [...(byCall.get(Number(row.call)) ?? []), row]);
    const truth = truthOf(simulator, PRICE);
    expect(truth.size).toBeGreaterThan(WORKERS);
    let billed = 0n;
    for (const [call, { attempts: made, billedNanoUsd }] of truth) {
      const attempts = made.length;
      const own = byCall.get(call) ?? [];
      billed += billedNanoUsd;
      // More rows than calls: attempts that died between the record and the wire, flagged as not sure.
      const sure = own.filter(({ status, error }) => status !== 'in_doubt' && error === null);
      expect({
        call,
        missing: Math.max(0, attempts - own.length),
        double: Math.max(0, sure.length - attempts),
      }).toEqual({
        call,
        missing: 0,
        double: 0,
      });
      const booked = own.reduce((sum, { cost }) => sum + BigInt(cost), 0n);
      const isExact = own.every(({ source, status }) => source === 'provider' && status === 'succeeded');
      if (isExact) expect({ call, booked }).toEqual({ call, booked: billedNanoUsd });
      // A stream that its client left counts as what had arrived; the provider's last piece may have been on its way.
      const isCounted = own.some(({ source }) => source === 'counted');
      if (!isExact && !isCounted) expect({ call, covers: booked >= billedNanoUsd }).toEqual({ call, covers: true });
    }
    const inDoubt = stored.filter(({ status }) => status === 'in_doubt');
    expect(inDoubt.every(({ source }) => source === 'reserved')).toBe(true);
    // Money enough for everybody: whoever was refused for money was refused wrongly.
    expect(answers.filter(({ status }) => status === 429)).toEqual([]);

    const [period] = await database.query<Record<string, string>[]>(
      'select spent_nano_usd as spent, leased_nano_usd as held, unaccounted_nano_usd as unaccounted, overrun_nano_usd as overrun from budget_periods',
    );
    const cost = stored.reduce((sum, { cost: one }) => sum + BigInt(one), 0n);
    expect(period).toEqual({ spent: cost.toString(), held: '0', unaccounted: '0', overrun: '0' });
    expect(billed).toBeLessThanOrEqual(BigInt(LIMIT_USD) * NANO_PER_USD);
    expect((await verifyLedger(database)).filter(({ differences }) => differences.length > 0)).toEqual([]);
    const figure = `three gateways, ${KILLS} kill -9 (at ${met.size} known points), ${STOPS} stopped past their leases`;
    guarantee(
      'USE-1',
      `${figure}: ${truth.size} requests reached the provider, ${stored.length} rows, ${inDoubt.length} in doubt, missing 0, duplicate 0`,
      SEED,
    );
    guarantee('BUD-2', `${figure}: held 0 nano-dollars, refused wrongly 0`, SEED);
  });
});
