import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/rate-limit/testing/seeded-random';
import { guarantee } from './guarantee';
import { admittedByLog, isAdmitted, isRefused, mostOf, play, quantile } from './limit-figures';
import { bursty, edge, poisson, type Trace } from './limit-traces';
import type { Asked, Call, LimitedFleet, Team } from './limited-fleet';

export interface LoadSize {
  /** Of teams. */
  readonly windowMs: number;
  readonly limit: number;
  readonly windows: number;
  readonly seed: number;
}

/** A wait that was told and kept. */
interface Wait {
  readonly toldMs: number;
  readonly wasEnough: boolean;
  /** What an exact log would have told; null when that is not known. */
  readonly exactMs: number | null;
}

/** Tokens that a team may use in a window, and the most that one call may. */
const FAIR = { limit: 200_000, most: 10_000 };
const WILD = { limit: 2_000_000, most: 1_000_000 };
const PATIENT_LIMIT = 4;
/** Waits that each patient caller keeps, and how often he is refused at most until he has. */
const WAITS = { kept: 2, refusals: 12 };
/**
 * What a busy machine may leave of what is promised: a replica that has not heard from Redis in time grants its share only, and a
 * call is judged when its answer comes. All of it is shown with time turned by hand.
 */
const BUSY = { tokensUsed: 0.7, ofLog: 0.9 };
/** And what it has to leave even when it does not keep up: shares of three gateways add up to most of a limit. */
const OVERLOADED = { tokensUsed: 0.35, ofLog: 0.5 };

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;

/** The calls of a trace go round the gateways, and round the keys of a team. */
export const playOn = (
  fleet: LimitedFleet,
  team: Team,
  trace: Trace,
  callOf: (index: number) => Partial<Call> = () => ({}),
): Promise<Asked[]> =>
  play(trace, (index) =>
    fleet.ask(index % fleet.size, { secret: team.secrets[(index >> 2) % team.secrets.length]!, ...callOf(index) }),
  );

/** Teams of a fleet under load of every kind at the same time, and what came of it. */
export class LimitLoad {
  private readonly played = new Map<string, Asked[]>();
  private readonly waits: Wait[] = [];
  private steady: Asked[] = [];
  private fair: Asked[] = [];
  private wild: Asked[] = [];
  private keptUp = false;

  private constructor(private readonly size: LoadSize) {}

  static async run(fleet: LimitedFleet, size: LoadSize): Promise<LimitLoad> {
    const load = new LimitLoad(size);
    const { windowMs, limit, windows } = size;
    const traces: Readonly<Record<string, Trace>> = {
      'edge burst': edge(size, windows - 1, false),
      'sparse edge': edge({ limit, windowMs: (windowMs * 2) / 3 }, Math.ceil(windows / 2), true),
      'Poisson 100 %': poisson(size, 1, windows),
      bursty: bursty(size, windows),
    };
    const requests = await Promise.all(
      Object.entries(traces).map(async ([name, trace]) => {
        const team = await fleet.team({ requests_per_minute: limit });
        return async () => void load.played.set(name, await playOn(fleet, team, trace));
      }),
    );
    const steadyTeam = await fleet.team({ requests_per_minute: 2 * limit });
    const fairTeam = await fleet.team({ tokens_per_minute: FAIR.limit });
    const wildTeam = await fleet.team({ tokens_per_minute: WILD.limit });
    const patient = await Promise.all(
      Array.from({ length: 6 }, () => fleet.team({ requests_per_minute: PATIENT_LIMIT }, 1)),
    );
    const chance = seededRandom(size.seed);
    await Promise.all<unknown>([
      ...requests.map((start) => start()),
      playOn(fleet, steadyTeam, poisson({ windowMs, limit: 2 * limit }, 3, windows)).then(
        (asked) => (load.steady = asked),
      ),
      load.spend(fleet, fairTeam, FAIR.most, 80, () => 0.9 + chance() / 10).then((asked) => (load.fair = asked)),
      load.spend(fleet, wildTeam, WILD.most, 50, chance).then((asked) => (load.wild = asked)),
      ...patient.map((team, index) => load.waitAndAsk(fleet, team, index)),
    ]);
    load.keptUp = load.measure();
    return load;
  }

  /**
   * Throws unless every promise was kept; prints the figures. How much is admitted depends on a machine that keeps up: where it did
   * not, less is asked for, and the figures say so. What is forbidden is judged everywhere.
   */
  report(name: string): void {
    const who = this.keptUp ? name : `${name} on a machine that did not keep up`;
    this.reportRequests(who);
    this.reportTokens(who);
    this.reportRefusals(who);
    this.reportWaits(who);
  }

  private get least(): typeof BUSY {
    return this.keptUp ? BUSY : OVERLOADED;
  }

  /** Nineteen of twenty calls were answered within a tenth of a window, all in time, and together with the other gateways. */
  private measure(): boolean {
    const all = [...this.played.values(), this.steady, this.fair, this.wild].flat();
    const took = all.map(({ sentMs, endedMs }) => endedMs - sentMs);
    const isDecided = (call: Asked): boolean => !call.degraded && (isAdmitted(call) || isRefused(call));
    return quantile(took, 0.95) < this.size.windowMs / 10 && all.filter(isDecided).length > all.length * 0.98;
  }

  private reportRequests(who: string): void {
    const { windowMs, limit, seed } = this.size;
    const figures = [...this.played].map(([name, asked]) => {
      const { requests } = mostOf(asked, windowMs);
      expect({ name, isKept: requests <= limit }).toEqual({ name, isKept: true });
      return `${name} ${requests} of ${limit}`;
    });
    expect(mostOf(this.steady, windowMs).requests).toBeLessThanOrEqual(2 * limit);
    const calls = [...this.played.values()].flat();
    expect(calls.filter(isRefused).length).toBeGreaterThan(0);
    guarantee('LIM-1', `${who}, ${calls.length} calls, most in any window: ${figures.join(', ')}; excess 0`, seed);
  }

  private reportTokens(who: string): void {
    const { windowMs, windows, seed } = this.size;
    const most = [mostOf(this.fair, windowMs).tokens, mostOf(this.wild, windowMs).tokens] as const;
    expect(most[0]).toBeLessThanOrEqual(FAIR.limit);
    expect(most[1]).toBeLessThanOrEqual(WILD.limit);
    const used = this.fair.filter(isAdmitted).reduce((sum, { cost }) => sum + cost, 0);
    const lastedMs = Math.max(...this.fair.map(({ answeredMs }) => answeredMs)) - this.fair[0]!.sentMs;
    const possible = FAIR.limit * Math.max(windows, Math.round(lastedMs / windowMs));
    expect(used / possible).toBeGreaterThan(this.least.tokensUsed);
    guarantee(
      'LIM-2',
      `${who}, most tokens in any window: fair estimates ${most[0]} of ${FAIR.limit} (${percent(used, possible)} of what could be used), wild ones ${most[1]} of ${WILD.limit}; excess 0`,
      seed,
    );
  }

  private reportRefusals(who: string): void {
    const admitted = this.steady.filter(isAdmitted).length;
    const exact = admittedByLog(this.steady, 2 * this.size.limit, this.size.windowMs);
    expect(admitted / exact).toBeGreaterThan(this.least.ofLog);
    const figure = `${admitted} of ${this.steady.length} calls admitted, ${percent(admitted, exact)} of the exact log`;
    guarantee('LIM-3', `${who} at 300 % load: ${figure}`, this.size.seed);
  }

  private reportWaits(who: string): void {
    const enough = this.waits.filter(({ wasEnough }) => wasEnough).length;
    expect(enough).toBe(this.waits.length);
    expect(this.waits.length).toBeGreaterThan(3);
    const late = this.waits.flatMap(({ toldMs, exactMs }) => (exactMs === null ? [] : [toldMs - exactMs]));
    guarantee(
      'LIM-4',
      `${who}: ${enough} of ${this.waits.length} waits were enough at another gateway, at most ${Math.max(0, ...late).toFixed(0)} ms longer than by an exact log (a sixtieth is ${this.size.windowMs / 60} ms)`,
    );
  }

  private spend(
    fleet: LimitedFleet,
    team: Team,
    most: number,
    callsAWindow: number,
    part: () => number,
  ): Promise<Asked[]> {
    const { windowMs, windows, seed } = this.size;
    const chance = seededRandom(seed + most);
    // A little less than so many windows, so that what could be used is whole ones.
    const times = poisson({ windowMs, limit: callsAWindow }, 1, windows - 1 / 30);
    const calls = times.map(() => {
      const maxTokens = 1 + Math.floor(chance() * most);
      return { maxTokens, tokens: Math.max(2, Math.floor(maxTokens * part())) };
    });
    return playOn(fleet, team, times, (index) => calls[index]!);
  }

  /** One caller without rivals, who waits as long as he is told and goes to another gateway then. */
  private async waitAndAsk(fleet: LimitedFleet, team: Team, first: number): Promise<void> {
    const { windowMs } = this.size;
    const [secret = ''] = team.secrets;
    const all: Asked[] = [];
    const ask = async (gateway: number): Promise<Asked> => {
      const asked = await fleet.ask(gateway % fleet.size, { secret });
      all.push(asked);
      return asked;
    };
    for (let index = 0; index < PATIENT_LIMIT; index += 1) {
      await ask(first + index);
      await sleep((windowMs / 80) * (1 + ((first + index) % 5)));
    }
    let kept = 0;
    for (let round = 0; round < WAITS.refusals && kept < WAITS.kept; round += 1) {
      const refused = await ask(first + round);
      if (!isRefused(refused) || refused.degraded || refused.retryAfterMs === null) {
        await sleep(windowMs / 20);
        continue;
      }
      const { answeredMs, retryAfterMs: toldMs } = refused;
      const admitted = all.filter(isAdmitted);
      const isExact = admitted.length >= PATIENT_LIMIT && !all.some(({ degraded }) => degraded);
      const exactMs = isExact ? admitted.at(-PATIENT_LIMIT)!.answeredMs + windowMs - answeredMs : null;
      await sleep(Math.max(0, answeredMs + toldMs + 1 - performance.now()));
      const again = await ask(first + round + 1);
      if (again.degraded) continue;
      this.waits.push({ toldMs, wasEnough: isAdmitted(again), exactMs });
      kept += 1;
    }
  }
}
