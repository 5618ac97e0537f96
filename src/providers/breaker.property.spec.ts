import { guarantee } from '../../test/support/guarantee';
import {
  begin,
  CLOSED,
  end,
  FAILURE_RATIO,
  MAX_PROBES,
  mayCall,
  MIN_RESULTS,
  WINDOW_SECONDS,
  type BreakerResult,
  type BreakerState,
} from './breaker';
import { Random } from './simulator/server/random';

/** The same rules written the slow and obvious way: a list of everything that happened since the last change of phase. */
class ReferenceBreaker {
  phase: 'closed' | 'open' | 'half_open' = 'closed';
  private results: { second: number; isFailure: boolean }[] = [];
  private openUntilMs = 0;
  private running = new Set<number>();
  private probeSuccesses = 0;
  private calls = 0;

  constructor(
    private readonly failures: number,
    private readonly openMs: number,
  ) {}

  mayCall(nowMs: number): boolean {
    if (this.phase === 'half_open') return this.running.size < MAX_PROBES;
    return this.phase === 'closed' || nowMs >= this.openUntilMs;
  }

  begin(nowMs: number): number {
    if (this.phase === 'open' && nowMs >= this.openUntilMs) this.enter('half_open');
    this.calls += 1;
    this.running.add(this.calls);
    return this.calls;
  }

  end(call: number, result: BreakerResult, nowMs: number): void {
    if (!this.running.delete(call) || result === 'neutral') return;
    const isFailure = result === 'failure';
    if (this.phase === 'half_open') {
      if (isFailure) this.open(nowMs);
      else if (++this.probeSuccesses === MAX_PROBES) this.enter('closed');
      return;
    }
    if (this.phase === 'open') {
      if (isFailure) return;
      this.enter('half_open');
      this.probeSuccesses = 1;
      return;
    }
    this.results.push({ second: Math.floor(nowMs / 1000), isFailure });
    const tail = this.results.slice(-this.failures);
    const recent = this.results.filter(({ second }) => second > Math.floor(nowMs / 1000) - WINDOW_SECONDS);
    const failed = recent.filter((entry) => entry.isFailure).length;
    const inARow = tail.length === this.failures && tail.every((entry) => entry.isFailure);
    if (inARow || (recent.length >= MIN_RESULTS && failed / recent.length >= FAILURE_RATIO)) this.open(nowMs);
  }

  private open(nowMs: number): void {
    this.enter('open');
    this.openUntilMs = nowMs + this.openMs;
  }

  private enter(phase: ReferenceBreaker['phase']): void {
    this.phase = phase;
    this.results = [];
    this.running.clear();
    this.probeSuccesses = 0;
  }
}

const TRACES = 100_000;
const STEPS = 40;

interface Trace {
  readonly phases: Set<string>;
  /** Half-open probes in flight at the most, calls that were forced excluded. */
  readonly mostProbes: number;
}

/** One random life of a breaker, compared with the reference at every step. */
function runTrace(seed: number): Trace {
  const chance = new Random(seed);
  const random = (): number => chance.next();
  const rules = { failures: 1 + Math.floor(random() * 6), openMs: 500 + Math.floor(random() * 5000) };
  const failureShare = random();
  const reference = new ReferenceBreaker(rules.failures, rules.openMs);
  let state: BreakerState = CLOSED;
  let nowMs = Math.floor(random() * 100_000);
  let mostProbes = 0;
  const phases = new Set<string>();
  const calls: { readonly epoch: number; readonly reference: number; readonly isForced: boolean }[] = [];
  const inFlightNow = () => calls.filter((call) => call.epoch === state.epoch && !call.isForced).length;
  for (let step = 0; step < STEPS; step += 1) {
    nowMs += Math.floor(random() * (random() < 0.1 ? 6000 : 300));
    const isBeginning = calls.length === 0 || random() < 0.5;
    const mayBegin = mayCall(state, nowMs);
    if (mayBegin !== reference.mayCall(nowMs)) throw new Error(`seed ${seed}, step ${step}: admission differs`);
    if (isBeginning && (mayBegin || random() < 0.2)) {
      state = begin(state, nowMs);
      calls.push({ epoch: state.epoch, reference: reference.begin(nowMs), isForced: !mayBegin });
      if (state.phase === 'half_open') mostProbes = Math.max(mostProbes, inFlightNow());
    } else if (calls.length > 0) {
      const [call] = calls.splice(Math.floor(random() * calls.length), 1);
      const roll = random();
      const ended: BreakerResult = roll < failureShare ? 'failure' : 'success';
      const result: BreakerResult = random() < 0.1 ? 'neutral' : ended;
      state = end(state, call!.epoch, result, nowMs, rules);
      reference.end(call!.reference, result, nowMs);
    }
    phases.add(state.phase);
    if (state.phase !== reference.phase) throw new Error(`seed ${seed}, step ${step}: ${state.phase} differs`);
  }
  return { phases, mostProbes };
}

describe('breaker (UPS-6)', () => {
  it(`is the same as the reference on ${TRACES} random traces, with at most ${MAX_PROBES} probes in flight`, () => {
    const seen = new Map<string, number>();
    let mostProbes = 0;
    for (let seed = 1; seed <= TRACES; seed += 1) {
      const trace = runTrace(seed);
      for (const phase of trace.phases) seen.set(phase, (seen.get(phase) ?? 0) + 1);
      mostProbes = Math.max(mostProbes, trace.mostProbes);
    }
    // The traces reach every phase often: a comparison that never opened would prove nothing.
    for (const phase of ['closed', 'open', 'half_open']) expect(seen.get(phase) ?? 0).toBeGreaterThan(TRACES / 10);
    expect(mostProbes).toBe(MAX_PROBES);
    guarantee(
      'UPS-6',
      `${TRACES} traces of ${STEPS} steps equal to the model, at most ${mostProbes} probes in flight`,
      1,
    );
  });
});
