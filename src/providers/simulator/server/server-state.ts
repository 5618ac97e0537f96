import { randomBytes } from 'node:crypto';
import { TruthJournal } from './journal';
import { LimitWindows } from './limits';
import { PromptCache } from './prompt-cache';
import { RequestLog } from './request-log';
import { Scenario } from './scenario';
import { Stats } from './stats';

export interface SimulatorSettings {
  /** Multiplies every delay: 1 is realistic, 0 is none. */
  readonly speed: number;
  /** Refuse what the real providers refuse. */
  readonly strict: boolean;
  readonly seed: number;
  /** Wall clock in milliseconds. */
  readonly now: () => number;
}

/** Everything one simulator remembers. All of it is bounded. */
export class ServerState {
  readonly speed: number;
  readonly strict: boolean;
  readonly seed: number;
  readonly now: () => number;
  readonly startedAtMs: number;
  readonly journal = new TruthJournal();
  readonly log = new RequestLog();
  readonly stats = new Stats();
  readonly limits: LimitWindows;
  readonly promptCache: PromptCache;
  readonly scenario: Scenario;
  /** Tells the calls of simulators in one process apart. */
  private readonly instance = randomBytes(4).toString('hex');
  private calls = 0;

  constructor(settings: SimulatorSettings) {
    this.speed = settings.speed;
    this.strict = settings.strict;
    this.seed = settings.seed;
    this.now = settings.now;
    this.startedAtMs = settings.now();
    this.limits = new LimitWindows(settings.now);
    this.promptCache = new PromptCache(settings.now);
    this.scenario = new Scenario(settings.seed, settings.now);
  }

  /** Counts calls over the whole life, resets included: no identifier is given twice. */
  nextCall(): { readonly number: number; readonly id: string } {
    this.calls += 1;
    return { number: this.calls, id: `sim-${this.instance}-${this.calls}` };
  }

  /** Forgets scenario, journal, log, counts, limits and prompt caches. */
  reset(): void {
    this.scenario.set([]);
    this.journal.clear();
    this.log.clear();
    this.stats.clear();
    this.limits.clear();
    this.promptCache.clear();
  }
}
