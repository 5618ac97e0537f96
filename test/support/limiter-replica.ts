import { Redis } from 'ioredis';
import { SystemClock, type Clock } from '../../src/platform/clock';
import type { Admission, AdmissionResult } from '../../src/rate-limit/store/rate-limit.store';
import { RedisRateLimitStore } from '../../src/rate-limit/store/redis.rate-limit-store';

/** One admission as seen from outside: the store decided somewhere between the two times. */
export interface Observed {
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly cost: number;
}

type Policy = 'local_share' | 'deny' | 'allow';

/** One replica's limiter with a connection of its own, set up as the gateway's is. */
export class LimiterReplica {
  readonly admitted: Observed[] = [];
  policy: Policy = 'local_share';
  readonly store: RedisRateLimitStore;
  private readonly client: Redis;

  private constructor(url: string, organization: string, clock: Clock, nowMs?: () => number) {
    this.client = new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      // A virtual clock stands still while a busy machine makes the call wait: then only the answer counts.
      commandTimeout: nowMs ? 30_000 : 100,
      connectTimeout: 500,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 2000),
    });
    this.client.on('error', () => {});
    this.store = new RedisRateLimitStore({
      client: this.client,
      clock,
      organization,
      policy: () => this.policy,
      ...(nowMs ? { nowMs, timeoutMs: 30_000 } : {}),
    });
  }

  static async start(url: string, organization: string, clock: Clock = new SystemClock()): Promise<LimiterReplica> {
    const isVirtual = !(clock instanceof SystemClock);
    const replica = new LimiterReplica(url, organization, clock, isVirtual ? () => clock.now() : undefined);
    await new Promise((resolve) => replica.client.once('ready', resolve));
    await replica.store.start();
    return replica;
  }

  async ask(admission: Admission): Promise<AdmissionResult> {
    const sentMs = performance.now();
    const result = await this.store.admit(admission);
    if (result.kind === 'admitted' && admission.counters[0]) {
      this.admitted.push({ sentMs, answeredMs: performance.now(), cost: admission.counters[0].cost });
    }
    return result;
  }

  async stop(): Promise<void> {
    await this.store.stop();
    this.client.disconnect();
  }

  /** As if the machine were unplugged: nothing is said, nothing given back. */
  unplug(): void {
    this.client.disconnect();
  }
}

/** The most that some window surely held: only what was sent and answered inside of it counts. */
export function mostSurelyInAnyWindow(log: readonly Observed[], windowMs: number): number {
  const sorted = [...log].sort((a, b) => a.sentMs - b.sentMs);
  let most = 0;
  for (const [index, { sentMs }] of sorted.entries()) {
    let sum = 0;
    for (let next = index; next < sorted.length && sorted[next]!.sentMs < sentMs + windowMs; next += 1) {
      if (sorted[next]!.answeredMs < sentMs + windowMs) sum += sorted[next]!.cost;
    }
    most = Math.max(most, sum);
  }
  return most;
}

/** The most that any window held, when the times are exact. */
export function mostInAnyWindow(
  log: readonly { readonly at: number; readonly cost: number }[],
  windowMs: number,
): number {
  let [most, sum, first] = [0, 0, 0];
  for (const { at, cost } of log) {
    while (log[first]!.at <= at - windowMs) {
      sum -= log[first]!.cost;
      first += 1;
    }
    sum += cost;
    most = Math.max(most, sum);
  }
  return most;
}
