import { CancelSignal } from './cancel-signal';
import type { Dialect, InferenceRequest } from './chat';
import type { GatewayError } from './errors';
import type { JsonReply, StreamEvent } from './reply';
import type { NanoUsd } from './money';
import type { TokenUsage, UsageSource } from './tokens';
import type { TraceContext } from './trace-context';

/** Limits of one level (key, user, team, department). Absent means: this level sets none. */
export interface Limits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly maxConcurrency?: number;
}

/** Who calls: the key and everything above it. Frozen; shared by all requests of the key until the key changes. */
export interface Identity {
  readonly keyId: string;
  readonly keyName: string;
  readonly userId: string | null;
  readonly userEmail: string | null;
  readonly teamId: string;
  readonly teamName: string;
  readonly departmentId: string;
  readonly departmentName: string;
  /** Names or patterns (`gpt-4o*`) this key may use: what key, user and team all allow. `null`: no restriction. */
  readonly allowedModels: readonly (readonly string[])[] | null;
  readonly limits: Readonly<Record<'key' | 'user' | 'team' | 'department', Limits | null>>;
  readonly scopes: readonly string[];
  /** Whether the team keeps what is asked and answered. */
  readonly storesContent: boolean;
}

/** A provider and the model it is asked for. */
export interface TargetName {
  readonly provider: string;
  readonly model: string;
}

/** The route of one request, fixed when it was parsed: a reload does not change it. */
export interface DispatchPlan {
  readonly requestedModel: string;
  readonly targets: readonly TargetName[];
}

export interface AttemptIntent extends TargetName {
  /** 1 for the first call of a request. */
  readonly index: number;
  readonly request: InferenceRequest;
}

export type AttemptStatus = 'succeeded' | 'failed' | 'aborted';

export interface AttemptOutcome {
  readonly status: AttemptStatus;
  /** Of the provider, when it answered. */
  readonly httpStatus: number | null;
  /** `UpstreamError.reason` of a failure. */
  readonly error: string | null;
  /** The model that answered, in the provider's words. */
  readonly servedModel: string | null;
  /** The provider's own figures, when it gave any. */
  readonly usage: TokenUsage | null;
  /** True when the provider may have worked, so that silence about usage does not mean that it is free. */
  readonly billable: boolean;
}

/** One call to one provider, on record from before it is made until it is settled. */
export interface Attempt extends ReplyObserver {
  readonly id: string;
  /**
   * The bound on the answer that must be sent to the provider, because no more is paid for. Absent or null: what the
   * client set, or its silence, stands.
   */
  readonly maxOutputTokens?: number | null;
  /** Ends the attempt; the first call counts, later ones do nothing. */
  settle(outcome: AttemptOutcome): void;
  /** What the attempt has cost so far (known usage, else what was counted). */
  cost(): NanoUsd;
  /** Whether it has cost more than was reserved for it under a hard budget; while it runs, beyond what a count may be off by. */
  isOverrun?(): boolean;
  /** The figures the attempt was settled with. */
  settled(): { readonly usage: TokenUsage; readonly source: UsageSource; readonly costNanoUsd: NanoUsd } | null;
}

/** Opens attempts: billing stands behind it, the dispatcher does not know. */
export interface AttemptLedger {
  /**
   * Pays for the attempt and puts the intent on record; a promise only when the budget must be asked. Throws, or rejects
   * with, `GatewayError` when the call may not be made (no price, no budget).
   */
  open(intent: AttemptIntent): Attempt | Promise<Attempt>;
  /** Cost of all attempts so far. */
  cost(): NanoUsd;
  /** Tokens of all attempts, read and written; null while one of them has not ended. */
  usedTokens?(): number | null;
  /** Figures of all attempts that have ended. */
  usage(): TokenUsage;
}

/** A limit as the caller is told of it: the one with the least left. */
export interface RateLimitWindow {
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until nothing of it is used, when nothing more is asked for. */
  readonly resetMs: number;
}

/** The limits of one request, as they stood when it was counted. Null: no such limit applies. */
export interface RateLimitState {
  readonly requests: RateLimitWindow | null;
  readonly tokens: RateLimitWindow | null;
  /** True when the shared store did not answer and this replica decided alone. */
  readonly degraded: boolean;
}

/** Watches the events of a streamed answer as they pass, synchronously. */
export interface ReplyObserver {
  observe(event: StreamEvent): void;
}

/** Watches whatever is answered as it goes out: the events of a stream, or one complete answer. */
export interface AnswerObserver extends ReplyObserver {
  answered(reply: JsonReply): void;
}

/** One line of the decision trace: what was decided, when, and why. */
export interface Decision {
  /** Milliseconds since the request came in. */
  readonly atMs: number;
  readonly stage:
    'access' | 'request' | 'rate_limit' | 'idempotency' | 'cache' | 'route' | 'price' | 'budget' | 'attempt' | 'reply';
  readonly what: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Who answered, as the response headers tell. */
export interface Served extends TargetName {
  readonly attempts: number;
  readonly fallback: boolean;
}

/** `stale-hit`: an answer past its time, because every provider failed. */
export type CacheStatus = 'hit' | 'semantic-hit' | 'stale-hit' | 'miss' | 'bypass';

/** What the cache tells of itself in the response headers, when it is on. */
export interface CacheReport {
  readonly hit: {
    /** 1 for the same question. */
    readonly similarity: number;
    readonly ageSeconds: number;
    /** How long the answer may still be replayed; negative for how long it is past that. */
    readonly ttlSeconds: number;
    /** What the providers' failure would have been answered with, when the answer stands in for it. */
    readonly insteadOf?: number;
  } | null;
  /** The tier that answered, or why the cache was left out; a word. */
  readonly detail: string | null;
}

/** What is known of a request when it comes in. */
export interface ContextOrigin {
  readonly requestId: string;
  readonly dialect: Dialect;
  /** Path without the query. */
  readonly endpoint: string;
  /** Wall clock in milliseconds, for records. */
  readonly startedAtMs: number;
  readonly monotonic: () => number;
  /** Told when a deferred return fails: the others run all the same. */
  readonly onDeferredError: (error: unknown) => void;
}

/** More decisions than any request has; beyond it the trace says that it was cut. */
const MAX_DECISIONS = 200;

/**
 * All that is known of one request, handed down the pipeline. Each field has one writer, named beside it. Whoever takes
 * something that must be given back calls `defer` in the same breath; `close` runs what was deferred, last first.
 */
export class GatewayContext {
  /** Writer: ApiKeyGuard. */
  identity: Identity | undefined;
  /** Writer: RequestGuard. */
  request: InferenceRequest | undefined;
  /** Writer: RequestGuard. The model that the client asked for, when a budget has it answered by another one. */
  askedModel: string | undefined;
  /** Writer: RequestGuard. */
  plan: DispatchPlan | undefined;
  /** Writer: RequestGuard. The caller's own bound on the whole call (`x-gateway-timeout-ms`). */
  timeoutMs: number | undefined;
  /** Writer: RequestGuard. The caller's labels (`x-gateway-metadata`), for filtering records. */
  metadata: Readonly<Record<string, string>> | undefined;
  /** Writer: RequestGuard. Where the caller's trace stands (`traceparent`); null without one. */
  trace: TraceContext | null = null;
  /** Writer: RequestGuard. The configuration the request was parsed under. */
  configVersion: string | undefined;
  /** Writer: RateLimitGuard. */
  rateLimit: RateLimitState | undefined;
  /** Writer: RateLimitGuard, when tokens are limited and the client set no bound: the bound that was reserved for each choice. */
  outputBound: number | undefined;
  /** Writer: CacheInterceptor. */
  cacheStatus: CacheStatus = 'bypass';
  /** Writer: CacheInterceptor, when the cache is on. */
  cacheReport: CacheReport | undefined;
  /** Writer: CacheInterceptor, on a hit: what the replayed answer cost when it was made. */
  savedNanoUsd: NanoUsd = 0n;
  /** Writer: TranscriptRecorder, for a team that keeps what is asked and answered. */
  transcript: AnswerObserver | undefined;
  /** Writer: CostInterceptor. */
  attempts: AttemptLedger | undefined;
  /** Writer: the ledger. The bound on the answer of the last attempt, when the budget buys only a shorter one. */
  clampedMaxTokens: number | undefined;
  /** Writer: IdempotencyInterceptor, when the answer of an earlier request with the same key is given again: that request. */
  replayOf: string | undefined;
  /** Writer: Dispatcher; where no dispatcher is asked or none could answer, whoever replays (CacheInterceptor, IdempotencyInterceptor): who made the answer. */
  served: Served | undefined;
  /** Writer: Dispatcher, and CacheInterceptor and IdempotencyInterceptor for the call of another request that they wait for. Time spent waiting for providers, in milliseconds; the rest is the gateway's own. */
  upstreamMs = 0;
  /** Writer: ReplyWriter. What the gateway itself took until the first byte, in milliseconds. */
  overheadMs: number | undefined;
  /** Writer: ReplyWriter, when the first byte of the answer leaves. */
  firstByteAtMs: number | undefined;
  /** Writer: ReplyWriter and ErrorFilter, whichever answers. */
  outcome: { readonly status: number; readonly errorCode: string | null } | undefined;

  /** Writer: `interrupt`. Why the gateway itself ended the request; told to the client instead of what that led to. */
  interruption: GatewayError | undefined;

  readonly decisions: Decision[] = [];
  private readonly deferred: (() => void)[] = [];
  /** Aborted when the client has gone or the answer is complete: no upstream work may outlive it. */
  readonly signal = new CancelSignal();
  private closedAtMs: number | undefined;
  private readonly keepers = new Set<() => void>();
  private hasLeft = false;
  private isLingering = false;
  private lingering: ((end: () => void) => void) | undefined;

  readonly requestId: string;
  readonly dialect: Dialect;
  readonly endpoint: string;
  readonly startedAtMs: number;
  readonly startedMonotonicMs: number;
  /** Monotonic clock in milliseconds, for durations. */
  readonly monotonic: () => number;
  private readonly onDeferredError: (error: unknown) => void;

  constructor(origin: ContextOrigin) {
    this.requestId = origin.requestId;
    this.dialect = origin.dialect;
    this.endpoint = origin.endpoint;
    this.startedAtMs = origin.startedAtMs;
    this.monotonic = origin.monotonic;
    this.startedMonotonicMs = origin.monotonic();
    this.onDeferredError = origin.onDeferredError;
  }

  get isClosed(): boolean {
    return this.closedAtMs !== undefined;
  }

  elapsedMs(): number {
    return (this.closedAtMs ?? this.monotonic()) - this.startedMonotonicMs;
  }

  decide(stage: Decision['stage'], what: string, facts: Decision['facts'] = {}): void {
    if (this.decisions.length < MAX_DECISIONS)
      this.decisions.push({ atMs: round(this.elapsedMs()), stage, what, facts });
  }

  /** Registers the return of what was just taken. Runs on `close`, last first; at once when the request is already over. */
  defer(giveBack: () => void): void {
    if (this.isClosed) this.run(giveBack);
    else this.deferred.push(giveBack);
  }

  /**
   * Writer: the attempt whose stream outlives its client. When the client goes, `until` is given the function that ends the
   * request and must call it within a bound.
   */
  linger(until: ((end: () => void) => void) | undefined): void {
    this.lingering = until;
  }

  /** The client has gone, or has everything. Called on the response's `close`, once. */
  leave(): void {
    this.hasLeft = true;
    // Kept open for somebody else, it goes on as if the client were there.
    for (const onLeft of this.keepers) onLeft();
    this.endIfLeft();
  }

  /** Stops the work of the request, which then answers with `error`, or ends its stream with it. It is not over before that. */
  interrupt(error: GatewayError): void {
    if (this.isClosed || this.interruption) return;
    this.interruption = error;
    this.signal.abort();
  }

  /**
   * Lets the request go on without its client, because somebody else will ask for its answer. `onLeft` is told when the
   * client leaves; the returned function lets go, and ends the request when the client has left by then and nobody else
   * keeps it open.
   */
  keepOpen(onLeft: () => void): () => void {
    const keeper = (): void => onLeft();
    this.keepers.add(keeper);
    return () => {
      if (this.keepers.delete(keeper)) this.endIfLeft();
    };
  }

  private endIfLeft(): void {
    const { lingering } = this;
    if (!this.hasLeft || this.keepers.size > 0 || this.isLingering) return;
    if (!lingering || this.isClosed) return this.close();
    this.lingering = undefined;
    this.isLingering = true;
    lingering(() => {
      this.isLingering = false;
      this.endIfLeft();
    });
  }

  /** Ends the request: upstream work is aborted and everything deferred is run. The first call counts. */
  close(): void {
    if (this.isClosed) return;
    this.closedAtMs = this.monotonic();
    this.run(() => this.signal.abort());
    while (this.deferred.length > 0) this.run(this.deferred.pop()!);
  }

  private run(giveBack: () => void): void {
    try {
      giveBack();
    } catch (error) {
      // One failed return must not keep the others from running.
      this.onDeferredError(error);
    }
  }
}

const round = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
