import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { RedisBatch, decodeReply } from '../../src/rate-limit/store/redis-batch';
import type { WindowCounter } from '../../src/rate-limit/store/rate-limit.store';
import { seededRandom } from '../../src/rate-limit/testing/seeded-random';

export const WINDOW_SCRIPT = readFileSync(
  path.join(__dirname, '..', '..', 'src', 'rate-limit', 'store', 'sliding-window.lua'),
  'utf8',
);

/** A silence of a second is an outage: time passes in shorter steps. */
const STEP_MS = 900;
const MEMBERS = 3;
const CALLS_IN_FLIGHT = 200;
const EVENTS_IN_WORLD = 3_000;
const MOST_SETTLED = 5;

interface Entry {
  readonly at: number;
  readonly bucket: number;
  /** What was reserved, or what was used of it when that is known. */
  cost: number;
}

/** Everything that was admitted of one counter: the sums of windows are taken from it by definition, not from parts. */
class ExactLog {
  readonly entries: Entry[] = [];
  private first = 0;
  private firstAtMost = 0;
  private atLeast = 0;
  private atMost = 0;

  constructor(
    readonly windowMs: number,
    readonly limit: number,
  ) {}

  /** What a window that ends now holds; and with it what may be counted a sixtieth of the window longer. */
  sums(now: number): { atLeast: number; atMost: number } {
    const { entries, windowMs } = this;
    while (this.first < entries.length && entries[this.first]!.at <= now - windowMs)
      this.atLeast -= entries[this.first++]!.cost;
    while (this.firstAtMost < entries.length && entries[this.firstAtMost]!.at <= now - (windowMs * 61) / 60)
      this.atMost -= entries[this.firstAtMost++]!.cost;
    return { atLeast: this.atLeast, atMost: this.atMost };
  }

  add(at: number, cost: number): number {
    this.entries.push({ at, bucket: Math.floor((at * 60) / this.windowMs), cost });
    this.atLeast += cost;
    this.atMost += cost;
    return this.entries.length - 1;
  }

  settle(index: number, cost: number): void {
    const entry = this.entries[index]!;
    if (index >= this.first) this.atLeast += cost - entry.cost;
    if (index >= this.firstAtMost) this.atMost += cost - entry.cost;
    entry.cost = cost;
  }
}

interface Settlement {
  readonly name: string;
  readonly index: number;
  readonly cost: number;
}

interface Call {
  readonly now: number;
  readonly settlements: readonly Settlement[];
  readonly admissions: readonly (readonly WindowCounter[])[];
  readonly reply: Promise<unknown>;
}

export interface ReplayFigures {
  readonly events: number;
  readonly admitted: number;
  readonly settled: number;
  /** Windows that hold requests only, and the most that any of them held of its limit. */
  readonly mostPart: number;
  /** The first decisions or sums that the log contradicts. */
  readonly contradictions: readonly string[];
}

/**
 * Admissions of every kind by three members, decided by the script on a real server with time turned by hand, and each decision
 * compared with the exact log. What is on its way does not wait for what was answered, as in the gateway.
 */
export class ScriptReplay {
  private readonly chance: () => number;
  private readonly logs = new Map<string, ExactLog>();
  private readonly contradictions: string[] = [];
  private due: Settlement[] = [];
  private now = 1_800_000_000_000;
  private sha = '';
  private epoch = '';
  private prefix = '';
  private asked = 0;
  private admitted = 0;
  private settled = 0;
  private mostPart = 0;

  constructor(
    private readonly redis: Redis,
    seed: number,
    private readonly source = WINDOW_SCRIPT,
  ) {
    this.chance = seededRandom(seed);
  }

  /** Ends early when the log contradicts. */
  async run(events: number): Promise<ReplayFigures> {
    this.sha = (await this.redis.script('LOAD', this.source)) as string;
    for (let world = 0; this.asked < events && this.contradictions.length === 0; world += 1) {
      await this.open(world);
      await this.play(Math.min(events, this.asked + EVENTS_IN_WORLD));
      this.close();
    }
    const { asked, admitted, settled, mostPart, contradictions } = this;
    return { events: asked, admitted, settled, mostPart, contradictions };
  }

  private async open(world: number): Promise<void> {
    this.prefix = `replay:{${randomUUID()}}:`;
    this.logs.clear();
    this.due = [];
    const windowMs = [60_000, 1_000, 777, 10_000][world % 4]!;
    const within = (most: number): number => 1 + Math.floor(this.chance() * most);
    for (const name of ['r:key', 'r:team']) this.logs.set(name, new ExactLog(windowMs, within(200)));
    this.logs.set('t:team', new ExactLog(windowMs, 1_000 + within(5_000_000)));
    for (let member = 0; member < MEMBERS; member += 1) {
      const batch = new RedisBatch(this.prefix);
      batch.join(`epoch-${member}`, '');
      batch.joined();
      const { status, epoch } = decodeReply(await this.send(batch, member));
      this.epoch = epoch;
      if (status !== 'done') throw new Error(`member ${member} could not join: ${status}`);
    }
  }

  private async play(until: number): Promise<void> {
    while (this.asked < until && this.contradictions.length === 0) {
      const calls: Call[] = [];
      for (let index = 0; index < CALLS_IN_FLIGHT && this.asked < until; index += 1) {
        calls.push(...this.quiet(this.pause()), this.call());
      }
      for (const call of calls) this.judge(call, decodeReply(await call.reply));
    }
  }

  /** Crowds, single calls, and silences that end about when a window does. */
  private pause(): number {
    const { windowMs, limit } = this.logs.get('r:team')!;
    const kind = this.chance();
    if (kind < 0.5) return Math.floor(this.chance() * 3);
    if (kind < 0.97) return Math.floor((-Math.log(1 - this.chance()) * windowMs) / limit);
    if (kind < 0.997) return Math.floor((this.chance() * windowMs) / 4);
    return windowMs - 1 + Math.floor(this.chance() * (windowMs / 60 + 3));
  }

  private quiet(milliseconds: number): Call[] {
    const calls: Call[] = [];
    let left = milliseconds;
    for (; left > STEP_MS; left -= STEP_MS) {
      this.now += STEP_MS;
      calls.push(this.ask([], []));
    }
    this.now += left;
    return calls;
  }

  /** One admission or a crowd that travels together, with what has to be corrected of earlier ones. */
  private call(): Call {
    const size = this.chance() < 0.5 ? 1 : 1 + Math.floor(this.chance() * 12);
    const admissions = Array.from({ length: size }, () => this.needs());
    this.asked += size;
    return this.ask(this.due.splice(0, MOST_SETTLED), admissions);
  }

  private needs(): WindowCounter[] {
    const of = (name: string, cost: number): WindowCounter => {
      const { windowMs, limit } = this.logs.get(name)!;
      return { key: name, windowMs, limit, cost };
    };
    const counters = [of('r:team', 1)];
    if (this.chance() < 0.5) counters.unshift(of('r:key', 1));
    const { limit } = this.logs.get('t:team')!;
    if (this.chance() < 0.5) counters.push(of('t:team', 1 + Math.floor((this.chance() * limit) / 50)));
    return counters;
  }

  private ask(settlements: readonly Settlement[], admissions: Call['admissions']): Call {
    const batch = new RedisBatch(this.prefix);
    for (const { name, index, cost } of settlements) {
      const { windowMs, entries } = this.logs.get(name)!;
      const { bucket, cost: reserved } = entries[index]!;
      batch.correct({ key: name, windowMs, bucket, count: cost - reserved });
    }
    for (const counters of admissions) batch.admit({ counters, slots: [] });
    const reply = this.send(batch, Math.floor(this.chance() * MEMBERS));
    return { now: this.now, settlements, admissions, reply };
  }

  private send(batch: RedisBatch, member: number): Promise<unknown> {
    const keys = [`${this.prefix}clock`, `${this.prefix}roll`, ...batch.keys];
    const header = [`member-${member}`, this.epoch, 0, 1, this.now];
    return this.redis.evalsha(this.sha, keys.length, ...keys, ...header, ...batch.operations);
  }

  private judge({ now, settlements, admissions }: Call, { status, results }: ReturnType<typeof decodeReply>): void {
    if (status !== 'done') throw new Error(`the script answered ${status} at ${now}`);
    for (const { name, index, cost } of settlements) this.logs.get(name)!.settle(index, cost);
    this.settled += settlements.length;
    for (const [index, counters] of admissions.entries()) this.judgeOne(now, counters, results[index]!);
  }

  private judgeOne(now: number, counters: readonly WindowCounter[], figures: readonly number[]): void {
    const isAdmitted = figures[0] === 1;
    const sums = counters.map(({ key }) => this.logs.get(key)!.sums(now));
    const fits = (of: 'atLeast' | 'atMost'): boolean =>
      counters.every(({ cost, limit }, index) => sums[index]![of] + cost <= limit);
    if (isAdmitted && !fits('atLeast')) this.contradict(now, 'admitted too much', counters, figures);
    if (!isAdmitted && fits('atMost')) this.contradict(now, 'refused what fits', counters, figures);
    for (const [index, { key, cost, limit }] of counters.entries()) {
      const log = this.logs.get(key)!;
      if (isAdmitted) this.reserve(key, log.add(now, cost), cost);
      const { atLeast, atMost } = log.sums(now);
      const told = figures[(isAdmitted ? 1 : 3) + index * 2]!;
      if (told < atLeast || told > atMost) this.contradict(now, `${key} is said to hold ${told}`, counters, figures);
      if (key.startsWith('r:')) this.mostPart = Math.max(this.mostPart, atLeast / limit);
    }
    if (isAdmitted) this.admitted += 1;
  }

  /** Tokens are corrected later: mostly to less, now and then to more than was reserved. */
  private reserve(name: string, index: number, reserved: number): void {
    if (!name.startsWith('t:') || this.chance() < 0.2) return;
    const part = this.chance() < 0.1 ? 1 + this.chance() / 2 : this.chance();
    this.due.push({ name, index, cost: Math.floor(reserved * part) });
  }

  /** Every window of requests once more, from the whole log. */
  private close(): void {
    for (const [name, { entries, limit, windowMs }] of this.logs) {
      if (!name.startsWith('r:')) continue;
      let first = 0;
      for (const [last, { at }] of entries.entries()) {
        while (entries[first]!.at <= at - windowMs) first += 1;
        const held = last - first + 1;
        if (held > limit) this.contradict(at, `a window held ${held} of ${limit}`, [], []);
      }
    }
  }

  private contradict(now: number, what: string, counters: readonly WindowCounter[], figures: readonly number[]): void {
    if (this.contradictions.length >= 3) return;
    this.contradictions.push(`${what}, at ${now}: ${JSON.stringify({ counters, figures })}`);
  }
}
