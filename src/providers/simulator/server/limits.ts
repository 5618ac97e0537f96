import type { ErrorDialect } from './error-replies';
import type { ScenarioLimits } from './scenario';

const WINDOW_MS = 60_000;
const MOST_KEYS = 1_000;
/** What an account without limits is told; the size of a recorded one. */
const UNLIMITED: Required<ScenarioLimits> = { requestsPerMinute: 30_000, tokensPerMinute: 150_000_000 };

interface Use {
  readonly atMs: number;
  tokens: number;
}

/** Where a key stands in its minute. */
export interface LimitState {
  readonly limits: Required<ScenarioLimits>;
  readonly requestsLeft: number;
  readonly tokensLeft: number;
  readonly requestsResetMs: number;
  readonly tokensResetMs: number;
}

export interface LimitRefusal {
  readonly ranOut: 'requests' | 'tokens';
  /** After this wait the same request is admitted; null: it is larger than the whole limit. */
  readonly retryAfterMs: number | null;
  readonly used: number;
}

export interface Admission {
  readonly state: LimitState;
  readonly refusal: LimitRefusal | null;
  /** Adds what the answer turned out to use. */
  readonly addTokens: (tokens: number) => void;
}

/** Sliding windows of requests and tokens, one for each API key. */
export class LimitWindows {
  private readonly uses = new Map<string, Use[]>();

  constructor(private readonly now: () => number) {}

  clear(): void {
    this.uses.clear();
  }

  admit(key: string, given: ScenarioLimits | null, tokens: number): Admission {
    if (given === null) return openAdmission(tokens);
    const limits = {
      requestsPerMinute: given.requestsPerMinute ?? UNLIMITED.requestsPerMinute,
      tokensPerMinute: given.tokensPerMinute ?? UNLIMITED.tokensPerMinute,
    };
    const uses = this.usesOf(key);
    const refusal = this.refuse(uses, limits, tokens);
    const use = { atMs: this.now(), tokens };
    if (refusal === null) uses.push(use);
    return { state: this.stateOf(uses, limits), refusal, addTokens: (more) => (use.tokens += more) };
  }

  private usesOf(key: string): Use[] {
    const uses = this.uses.get(key) ?? [];
    if (!this.uses.has(key) && this.uses.size >= MOST_KEYS) {
      const oldest = this.uses.keys().next();
      if (oldest.done !== true) this.uses.delete(oldest.value);
    }
    const since = this.now() - WINDOW_MS;
    const firstKept = uses.findIndex((use) => use.atMs > since);
    const kept = firstKept < 0 ? [] : uses.slice(firstKept);
    this.uses.set(key, kept);
    return kept;
  }

  private refuse(uses: readonly Use[], limits: Required<ScenarioLimits>, tokens: number): LimitRefusal | null {
    const used = tokensOf(uses);
    if (tokens > limits.tokensPerMinute) return { ranOut: 'tokens', retryAfterMs: null, used };
    if (uses.length + 1 > limits.requestsPerMinute) {
      const blocking = uses[uses.length - limits.requestsPerMinute];
      return { ranOut: 'requests', retryAfterMs: this.expiresInMs(blocking), used: uses.length };
    }
    if (used + tokens <= limits.tokensPerMinute) return null;
    let excess = used + tokens - limits.tokensPerMinute;
    const blocking = uses.find((use) => {
      excess -= use.tokens;
      return excess <= 0;
    });
    return { ranOut: 'tokens', retryAfterMs: this.expiresInMs(blocking ?? uses.at(-1)), used };
  }

  private expiresInMs(use: Use | undefined): number {
    return use === undefined ? 0 : Math.max(1, use.atMs + WINDOW_MS - this.now());
  }

  private stateOf(uses: readonly Use[], limits: Required<ScenarioLimits>): LimitState {
    return {
      limits,
      requestsLeft: Math.max(0, limits.requestsPerMinute - uses.length),
      tokensLeft: Math.max(0, limits.tokensPerMinute - tokensOf(uses)),
      requestsResetMs: this.expiresInMs(uses.at(-1)),
      tokensResetMs: this.expiresInMs(uses.at(-1)),
    };
  }
}

const tokensOf = (uses: readonly Use[]): number => uses.reduce((sum, use) => sum + use.tokens, 0);

function openAdmission(tokens: number): Admission {
  const state = {
    limits: UNLIMITED,
    requestsLeft: UNLIMITED.requestsPerMinute - 1,
    tokensLeft: UNLIMITED.tokensPerMinute - tokens,
    requestsResetMs: 2,
    tokensResetMs: 0,
  };
  return { state, refusal: null, addTokens: () => undefined };
}

/** OpenAI's durations: `6ms`, `12.5s`, `1m12s`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms <= 0) return '0s';
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.ceil(ms % 60_000) / 1000;
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`;
}

export function limitHeaders(dialect: ErrorDialect, state: LimitState, nowMs: number): Record<string, string> {
  const { limits } = state;
  if (dialect === 'openai')
    return {
      'x-ratelimit-limit-requests': String(limits.requestsPerMinute),
      'x-ratelimit-limit-tokens': String(limits.tokensPerMinute),
      'x-ratelimit-remaining-requests': String(state.requestsLeft),
      'x-ratelimit-remaining-tokens': String(state.tokensLeft),
      'x-ratelimit-reset-requests': formatDuration(state.requestsResetMs),
      'x-ratelimit-reset-tokens': formatDuration(state.tokensResetMs),
    };
  const headers: Record<string, string> = {};
  const families = [
    ['requests', limits.requestsPerMinute, state.requestsLeft, state.requestsResetMs],
    ['input-tokens', limits.tokensPerMinute, state.tokensLeft, state.tokensResetMs],
    ['output-tokens', limits.tokensPerMinute, state.tokensLeft, state.tokensResetMs],
    ['tokens', limits.tokensPerMinute, state.tokensLeft, state.tokensResetMs],
  ] as const;
  for (const [family, limit, left, resetMs] of families) {
    headers[`anthropic-ratelimit-${family}-limit`] = String(limit);
    headers[`anthropic-ratelimit-${family}-remaining`] = String(left);
    headers[`anthropic-ratelimit-${family}-reset`] = timestamp(nowMs + resetMs);
  }
  return headers;
}

const timestamp = (ms: number): string => new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
