import type { Level } from './levels';
import { storeKey } from './levels';
import type { Admission, ConcurrencySlot, WindowCounter } from './store/rate-limit.store';
import { tokenNeed, type Prompt, type TokenNeed } from './token-need';

/** All limits are a minute's. */
export const WINDOW_MS = 60_000;

export type Resource = 'requests' | 'tokens' | 'concurrency';

export interface PlannedLimit {
  readonly level: Level;
  readonly resource: Resource;
  readonly limit: number;
}

/** What one request takes from whom. `planned[i]` says what counter `i` of the admission stands for; slots follow. */
export interface AdmissionPlan {
  readonly admission: Admission;
  readonly counted: readonly PlannedLimit[];
  readonly slots: readonly PlannedLimit[];
  /** Null when no level limits tokens: then they are not estimated. */
  readonly tokens: TokenNeed | null;
}

export function planAdmission(levels: readonly Level[], prompt: Prompt): AdmissionPlan {
  const counters: WindowCounter[] = [];
  const counted: PlannedLimit[] = [];
  const slots: ConcurrencySlot[] = [];
  const slotLimits: PlannedLimit[] = [];
  const tokens = needOf(levels, prompt);
  for (const level of levels) {
    const { scope, id, limits } = level;
    const { requestsPerMinute, tokensPerMinute, maxConcurrency } = limits;
    if (requestsPerMinute !== undefined) {
      counters.push(counter(storeKey('requests', scope, id), requestsPerMinute, 1));
      counted.push({ level, resource: 'requests', limit: requestsPerMinute });
    }
    if (tokensPerMinute !== undefined && tokens) {
      counters.push(counter(storeKey('tokens', scope, id), tokensPerMinute, tokens.total));
      counted.push({ level, resource: 'tokens', limit: tokensPerMinute });
    }
    if (maxConcurrency !== undefined) {
      slots.push({ key: storeKey('slots', scope, id), limit: maxConcurrency });
      slotLimits.push({ level, resource: 'concurrency', limit: maxConcurrency });
    }
  }
  return { admission: { counters, slots }, counted, slots: slotLimits, tokens };
}

const counter = (key: string, limit: number, cost: number): WindowCounter => ({
  key,
  windowMs: WINDOW_MS,
  limit,
  cost,
});

function needOf(levels: readonly Level[], prompt: Prompt): TokenNeed | null {
  const tightest = Math.min(...levels.map(({ limits }) => limits.tokensPerMinute ?? Infinity));
  return tightest === Infinity ? null : tokenNeed(prompt, tightest);
}
