import { guarantee } from '../../../test/support/guarantee';
import { ManualClock } from '../testing/manual-clock';
import type { AttemptAsk, BudgetAsk } from './budget-authority';
import type { UsageStore } from '../store/usage-store';
import type { AttemptText, Booking } from '../usage-rows';
import { decodeRecord, encodeRecord, type DecodedRecord } from '../journal/record';
import { RecordWriter, rowsOf, type JournalEntry } from '../journal/ship-records';
import { Unfinished } from '../journal/unfinished';
import { LeaseBook, type LeaseUpkeep, type Reservation } from './lease-book';
import { BudgetModel, type ModelPeriod } from './testing/budget-model';

const SEEDS = Number(process.env['LEASE_SEEDS'] ?? 20_000);
const FIRST_SEED = Number(process.env['LEASE_FIRST_SEED'] ?? 1);
const STEPS = 160;
/** What is wrong stays wrong: it need not be looked for after every step. */
const CHECK_EVERY = 8;
const MUTANT_SEEDS = 2_000;

/** Planted bugs, each of which the simulation must find. */
type Bug =
  | 'noCheck'
  | 'noLocalCheck'
  | 'noIntent'
  | 'useExpired'
  | 'returnWithoutDebit'
  | 'ignoreInDoubt'
  | 'closeEarly'
  | 'shipTwice'
  | 'freeZombie';

/** Reads records as the shipper and the adopter do; nothing here has no meaning, so that nothing is put aside. */
const PARSER = new RecordWriter({} as UsageStore, '/nowhere');

interface Call {
  readonly reservation: Reservation;
  readonly attemptId: string;
  isSent: boolean;
  actual: bigint;
}

/** An end on record, and whether it was shipped is known by its attempt. */
interface Settled {
  readonly attemptId: string;
  readonly reservation: Reservation;
  readonly actual: bigint;
}

interface Replica {
  readonly id: string;
  readonly book: LeaseBook;
  readonly calls: Set<Call>;
  /** What is on its disk: the bytes of the journal. */
  readonly disk: Buffer[];
  readonly settled: Settled[];
  shipped: Set<string>;
  isAlive: boolean;
  isLost: boolean;
  isRecovered: boolean;
  isReplaced: boolean;
  asleepAtMs: number;
  wakesAtMs: number;
  /** One operation at a time, as the desk does it. */
  inFlight: { apply(): void; deliver(): void; fail(): void; isApplied: boolean } | null;
}

/** Deterministic numbers from a seed. */
function randomOf(seed: number): () => number {
  // In typed memory, where a number of 32 bits is not allocated anew each time.
  const memory = new Int32Array([seed]);
  return () => {
    const state = ((memory[0] ?? 0) + 0x6d2b79f5) | 0;
    memory[0] = state;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Replicas with real lease books over the model of the database; the provider is the truth that nothing may pass. */
class World {
  readonly clock = new ManualClock(0);
  readonly model = new BudgetModel(this.clock);
  readonly replicas: Replica[] = [];
  /** What providers have charged, by the period it was reserved in. */
  readonly provider = new Map<ModelPeriod, bigint>();
  /** The highest limit in force during a period. */
  readonly highest = new Map<ModelPeriod, bigint>();
  readonly budgetIds: string[];
  sent = 0;
  private attempts = 0;
  private readonly random: () => number;

  constructor(
    private readonly seed: number,
    private readonly bug: Bug | null,
  ) {
    this.random = randomOf(seed);
    this.budgetIds = Array.from({ length: 1 + this.below(3) }, (_, index) => `bud_${index}`);
    for (const id of this.budgetIds) {
      this.model.add(id, BigInt(100 + this.below(500)), this.random() < 0.6 ? null : 20_000 + this.below(60_000));
    }
    for (let index = 0; index < 2 + this.below(3); index += 1) this.start();
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  run(): void {
    for (let step = 0; step < STEPS; step += 1) {
      this.step();
      for (const [id, lease] of this.model.leases) this.periodByLease.set(id, lease.period);
      if (step % CHECK_EVERY === 0) this.check();
    }
    this.check();
    this.settleDown();
  }

  private step(): void {
    this.clock.advance(this.random() < 0.015 ? 20_000 + this.below(20_000) : this.below(150));
    for (const id of this.budgetIds) this.noteLimit(id);
    const replica = this.pick(this.replicas);
    if (!replica) return;
    if (!replica.isAlive) {
      if (!replica.isReplaced) this.start();
      else this.recover(replica);
      replica.isReplaced = true;
      return;
    }
    if (replica.wakesAtMs > this.clock.monotonic()) {
      // So silent that its journal is taken over, although it lives.
      if (this.clock.monotonic() - replica.asleepAtMs > 60_000) this.recover(replica);
      return;
    }
    const dice = this.random();
    if (replica.inFlight && dice < 0.45) this.progress(replica);
    else if (dice < 0.14) this.ask(replica);
    else if (dice < 0.45) this.admit(replica);
    else if (dice < 0.66) this.send(replica);
    else if (dice < 0.8) this.settle(replica);
    else if (dice < 0.86) this.ship(replica);
    else if (dice < 0.93) this.upkeep(replica);
    else if (dice < 0.945) this.crash(replica);
    else if (dice < 0.965) this.model.sweep();
    else if (dice < 0.97) this.editLimit();
    else if (dice < 0.972) this.fallAsleep(replica);
    else replica.book.measure(this.clock.monotonic());
  }

  private start(): void {
    const id = `inst_${this.replicas.length}`;
    this.replicas.push({
      id,
      book: new LeaseBook(id),
      calls: new Set(),
      disk: [],
      settled: [],
      shipped: new Set(),
      isAlive: true,
      isLost: false,
      isRecovered: false,
      isReplaced: false,
      asleepAtMs: 0,
      wakesAtMs: 0,
      inFlight: null,
    });
  }

  /** Stopped for a while, as by SIGSTOP: nothing of its own happens, and what it asked for goes on. */
  private fallAsleep(replica: Replica): void {
    if (replica.inFlight) return;
    replica.asleepAtMs = this.clock.monotonic();
    replica.wakesAtMs = replica.asleepAtMs + this.below(150_000);
  }

  private noteLimit(id: string): void {
    const budget = this.model.budgets.get(id);
    if (!budget) return;
    const period = this.model.periodOf(id);
    const known = this.highest.get(period) ?? 0n;
    if (budget.limit > known) this.highest.set(period, budget.limit);
  }

  private editLimit(): void {
    const id = this.pick(this.budgetIds) ?? '';
    this.model.setLimit(id, BigInt(60 + this.below(500)));
    this.noteLimit(id);
  }

  private payers(): string[] {
    return this.budgetIds.slice(0, 1 + this.below(this.budgetIds.length));
  }

  private ask(replica: Replica): void {
    if (replica.inFlight) return;
    const nowMs = this.clock.monotonic();
    const ids = this.payers();
    const asks: BudgetAsk[] = ids.map((budgetId) => ({
      budgetId,
      leaseId: replica.book.leaseIdFor(budgetId, nowMs),
      slackNanoUsd: BigInt(this.below(400)),
    }));
    const attempts: AttemptAsk[] = Array.from({ length: this.below(3) }, () =>
      asks.map((_, place) => ({ place, amountNanoUsd: BigInt(1 + this.below(60)) })),
    );
    let answers: ReturnType<BudgetModel['acquire']> = [];
    replica.inFlight = {
      isApplied: false,
      apply: () => {
        answers = this.decide(replica, asks, attempts);
      },
      deliver: () => {
        answers.forEach(({ state, grantedNanoUsd, isTight, endsInMs }, place) => {
          const ask = asks[place];
          if (!ask) return;
          const { leaseId, budgetId } = ask;
          if (state !== 'open') replica.book.retire(leaseId);
          else replica.book.grant({ leaseId, budgetId, grantedNanoUsd, isTight, askedAtMs: nowMs, endsInMs });
        });
      },
      fail: () => {
        for (const { leaseId, budgetId } of asks) replica.book.doubt(leaseId, budgetId, nowMs);
      },
    };
  }

  private decide(replica: Replica, asks: BudgetAsk[], attempts: AttemptAsk[]): ReturnType<BudgetModel['acquire']> {
    if (this.bug !== 'noCheck') return this.model.acquire(replica.id, asks, attempts);
    const limits = asks.map(({ budgetId }) => this.model.budgets.get(budgetId)?.limit ?? 0n);
    for (const { budgetId } of asks) this.model.setLimit(budgetId, 1_000_000n);
    const answers = this.model.acquire(replica.id, asks, attempts);
    asks.forEach(({ budgetId }, place) => this.model.setLimit(budgetId, limits[place] ?? 0n));
    return answers;
  }

  private upkeep(replica: Replica): void {
    if (replica.inFlight) return;
    const nowMs = this.clock.monotonic();
    const { book } = replica;
    const due: LeaseUpkeep[] = book.upkeep(nowMs, this.random() < 0.9);
    if (this.bug === 'returnWithoutDebit') {
      for (const { leaseId, returnNanoUsd } of due)
        book.grant({
          leaseId,
          budgetId: this.model.leases.get(leaseId)?.budgetId ?? '',
          grantedNanoUsd: returnNanoUsd,
          isTight: false,
          askedAtMs: nowMs,
          endsInMs: Infinity,
        });
    }
    const closable = this.bug === 'closeEarly' ? this.retired(replica) : book.closable();
    let answers: ReturnType<BudgetModel['renew']> = [];
    replica.inFlight = {
      isApplied: false,
      apply: () => {
        answers = this.model.renew(due);
        this.model.close(closable);
      },
      deliver: () => {
        answers.forEach(({ state, isOver }, index) => {
          const leaseId = due[index]?.leaseId ?? '';
          if (state === 'open') book.renewed(leaseId, nowMs);
          else book.retire(leaseId);
          if (isOver) book.tightenLease(leaseId);
        });
        book.closed(closable);
      },
      fail: () => book.doubtAll(due),
    };
  }

  /** Leases that are retired, whether or not everything of them is stored. */
  private retired({ id }: Replica): string[] {
    return [...this.model.leases].filter(([, lease]) => lease.instanceId === id).map(([leaseId]) => leaseId);
  }

  /** The call reaches the database, or its answer us; either may be lost. */
  private progress(replica: Replica): void {
    const call = replica.inFlight;
    if (!call) return;
    if (!call.isApplied && this.random() < 0.9) {
      call.apply();
      call.isApplied = true;
      if (this.random() < 0.5) return;
    }
    replica.inFlight = null;
    if (call.isApplied && this.random() < 0.85) call.deliver();
    else call.fail();
  }

  private admit(replica: Replica): void {
    const amount = BigInt(1 + this.below(60));
    const nowMs = this.bug === 'useExpired' ? -Infinity : this.clock.monotonic();
    const payers = this.payers();
    if (this.bug === 'noLocalCheck') this.pretendFree(replica, payers, amount);
    const reservation = replica.book.take(payers, amount, nowMs);
    if (!reservation) return;
    if (this.random() < 0.05) {
      replica.book.release(reservation);
      return;
    }
    this.attempts += 1;
    const attemptId = `att_${this.attempts}`;
    if (this.bug !== 'noIntent') this.append(replica, 'intent', attemptId, reservation, amount);
    replica.calls.add({ reservation, attemptId, isSent: false, actual: 0n });
  }

  /** As if nobody looked whether a lease has enough. */
  private pretendFree(replica: Replica, budgetIds: readonly string[], grantedNanoUsd: bigint): void {
    for (const budgetId of budgetIds) {
      const askedAtMs = this.clock.monotonic();
      const leaseId = replica.book.leaseIdFor(budgetId, askedAtMs);
      if (this.model.leases.get(leaseId)?.instanceId !== replica.id) continue;
      replica.book.grant({ leaseId, budgetId, grantedNanoUsd, isTight: false, askedAtMs, endsInMs: Infinity });
    }
  }

  /** The record that the gateway writes, in its own format. */
  private append(
    replica: Replica,
    kind: 'intent' | 'settle',
    attemptId: string,
    { holds }: Reservation,
    cost: bigint,
  ): void {
    const row = { id: attemptId, request_id: `req_of_${attemptId}`, cost_nano_usd: cost.toString() };
    const charges = holds.map(({ budgetId, leaseId }) => ({ budget: budgetId, lease: leaseId }));
    const booking: Booking = { ...row, started_at: '2026-11-23T12:00:00.000Z', charges };
    const lines = [JSON.stringify(row), JSON.stringify(booking), ...(kind === 'intent' ? ['{}'] : [])];
    replica.disk.push(encodeRecord({ kind, atMs: this.clock.now(), payload: lines.join('\n') }));
  }

  private send(replica: Replica): void {
    const call = [...replica.calls].find(({ isSent }) => !isSent);
    if (!call) return;
    call.isSent = true;
    call.actual = BigInt(this.below(Number(call.reservation.amountNanoUsd) + 1));
    this.sent += 1;
    for (const { leaseId, budgetId } of call.reservation.holds) {
      const period = this.model.leases.get(leaseId)?.period ?? this.periodOfGone(leaseId, budgetId);
      this.provider.set(period, (this.provider.get(period) ?? 0n) + call.actual);
    }
  }

  private readonly periodByLease = new Map<string, ModelPeriod>();

  private periodOfGone(leaseId: string, budgetId: string): ModelPeriod {
    return this.periodByLease.get(leaseId) ?? this.model.periodOf(budgetId);
  }

  private settle(replica: Replica): void {
    const call = this.pick([...replica.calls].filter(({ isSent }) => isSent));
    if (!call) return;
    replica.calls.delete(call);
    this.append(replica, 'settle', call.attemptId, call.reservation, call.actual);
    replica.settled.push(call);
    replica.book.settle(call.reservation, call.actual);
  }

  private book(attempts: readonly AttemptText[]): void {
    const again = this.bug === 'shipTwice' ? `/${this.random()}` : '';
    this.model.settle(
      attempts.flatMap(({ booking }) =>
        (booking?.charges ?? []).map(({ budget, lease }) => ({
          attemptId: `${booking?.id}${again}`,
          budgetId: budget,
          leaseId: lease ?? '',
          amount: BigInt(booking?.cost_nano_usd ?? 0),
        })),
      ),
    );
  }

  private ship(replica: Replica): void {
    if (replica.shipped.size === replica.settled.length) return;
    const ends = rowsOf(this.read(replica)).attempts;
    for (const { attemptId, reservation, actual } of replica.settled) {
      if (replica.shipped.has(attemptId)) continue;
      this.book(ends.filter(({ booking }) => booking?.id === attemptId));
      // The answer is lost: it is shipped again.
      if (this.random() < 0.2) return;
      replica.shipped.add(attemptId);
      for (const { leaseId } of reservation.holds) replica.book.stored(leaseId, actual);
    }
  }

  /** What can be read of a journal: up to the record that was being written when its process died. */
  private read({ disk }: Replica): JournalEntry[] {
    const bytes = Buffer.concat(disk);
    const records: DecodedRecord[] = [];
    for (let offset = 0; offset < bytes.length;) {
      const record = decodeRecord(bytes, offset);
      if (typeof record === 'string') break;
      records.push(record);
      offset = record.end;
    }
    return PARSER.parse(records);
  }

  private crash(replica: Replica): void {
    replica.isAlive = false;
    replica.isLost = this.random() < 0.15;
    // What was under way may still reach the database.
    if (replica.inFlight && !replica.inFlight.isApplied && this.random() < 0.5) replica.inFlight.apply();
    replica.inFlight = null;
    // Killed in the middle of a record: what it would have allowed was never sent.
    const torn = encodeRecord({ kind: 'intent', atMs: this.clock.now(), payload: '{"id":"att_torn"}\nnull\n{}' });
    if (this.random() < 0.5) replica.disk.push(torn.subarray(0, this.below(torn.length)));
  }

  private recover(replica: Replica): void {
    if (replica.isLost || (replica.isRecovered && !replica.isAlive)) return;
    const entries = this.read(replica);
    const unfinished = new Unfinished();
    for (const entry of entries) unfinished.follow(entry);
    this.book(rowsOf(entries).attempts);
    if (this.bug !== 'ignoreInDoubt') this.book(unfinished.takeAttempts(0));
    this.model.closeInstance(replica.id);
    replica.isRecovered = !replica.isAlive;
  }

  check(): void {
    if (this.bug === 'freeZombie') {
      for (const [id, lease] of this.model.leases) if (lease.state === 'charged') this.model.close([id]);
    }
    for (const [period, charged] of this.provider) {
      const highest = this.highest.get(period) ?? 0n;
      if (charged > highest) throw new Error(`seed ${this.seed}: overspent, ${charged} of ${highest}`);
    }
    for (const { periods } of this.model.budgets.values()) {
      for (const period of periods) {
        const highest = this.highest.get(period) ?? 0n;
        const { spent, leased, unaccounted, overrun } = period;
        if (spent + leased + unaccounted > highest) throw new Error(`seed ${this.seed}: more is out than there is`);
        if (spent < 0n || leased < 0n || unaccounted < 0n) throw new Error(`seed ${this.seed}: an account is negative`);
        if (overrun !== 0n) throw new Error(`seed ${this.seed}: a call within its reservation was not covered`);
      }
    }
  }

  /** Everything ends, every readable journal is taken over: nothing may be left held, and the books must agree. */
  private settleDown(): void {
    for (const replica of this.replicas.filter(({ isAlive }) => isAlive)) {
      if (replica.inFlight) {
        if (!replica.inFlight.isApplied) replica.inFlight.apply();
        replica.inFlight.deliver();
        replica.inFlight = null;
      }
      while ([...replica.calls].some(({ isSent }) => !isSent)) this.send(replica);
      while (replica.calls.size > 0) this.settle(replica);
      for (let round = 0; round < 40 && replica.shipped.size < replica.settled.length; round += 1) this.ship(replica);
      this.check();
      replica.book.retireAll();
      this.model.close(replica.book.closable());
    }
    for (const replica of this.replicas) if (!replica.isAlive) this.recover(replica);
    this.clock.advance(60_000);
    this.model.sweep();
    this.check();
    const lost = new Set(this.replicas.filter(({ isLost }) => isLost).map(({ id }) => id));
    for (const [id, lease] of this.model.leases) {
      if (!lost.has(lease.instanceId)) throw new Error(`seed ${this.seed}: lease ${id} is left over`);
      if (lease.state === 'open') throw new Error(`seed ${this.seed}: the lease of a lost process is still held`);
    }
    for (const { periods } of this.model.budgets.values()) {
      for (const period of periods) if (period.leased !== 0n) throw new Error(`seed ${this.seed}: money is stuck`);
    }
  }
}

describe('leases, with crashes, lost answers, torn journals, silent processes, ends of periods and edits of limits', () => {
  it(`never overspend and never lose money (${SEEDS} seeds)`, () => {
    let sent = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const world = new World(seed, null);
      world.run();
      sent += world.sent;
    }
    expect(sent).toBeGreaterThan(SEEDS);
    guarantee(
      'BUD-1',
      `leases and journals: ${SEEDS} worlds, ${sent} calls, 0 nano-dollars overspent or lost`,
      FIRST_SEED,
    );
  }, 7_200_000);

  it.each<Bug>([
    'noCheck',
    'noLocalCheck',
    'noIntent',
    'useExpired',
    'returnWithoutDebit',
    'ignoreInDoubt',
    'closeEarly',
    'shipTwice',
    'freeZombie',
  ])(
    'would find the bug "%s"',
    (bug) => {
      const findOne = (): void => {
        for (let seed = 1; seed <= MUTANT_SEEDS; seed += 1) new World(seed, bug).run();
      };
      expect(findOne).toThrow(/^seed \d+: /);
    },
    60_000,
  );
});
