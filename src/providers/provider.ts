import type { Cancellable } from '../core/cancel-signal';
import type { Dialect, InferenceRequest } from '../core/chat';
import type { ChatReply, JsonReply } from '../core/reply';
import type { PhaseTimeouts, UpstreamHead } from './upstream/upstream-exchange';

/** What an adapter is built from: a provider's entry of the configuration, defaults filled in. */
export interface ProviderSettings {
  readonly name: string;
  readonly apiKey: string | null;
  /** null: the provider's public address. */
  readonly baseUrl: string | null;
  readonly allowPrivateNetwork: boolean;
  readonly connectTimeoutMs: number;
  /** null: 30 s for a stream, the total for a JSON answer, whose first byte comes when it is complete. */
  readonly firstByteTimeoutMs: number | null;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly maxConcurrency: number;
}

/** One call of one provider. */
export interface ProviderCall {
  readonly request: InferenceRequest;
  /** The provider's own name of the model. */
  readonly model: string;
  readonly signal: Cancellable;
  /** What is left of the caller's own time bound, in milliseconds; null when there is none. */
  readonly remainingMs: number | null;
  /** The longest answer of the model, where it is known. */
  readonly maxOutputTokens?: number | null;
  /** Given the headers of the answer as soon as they have come, whatever its status: they tell what is left of a quota. */
  readonly onHead?: (headers: UpstreamHead['headers']) => void;
}

/**
 * A provider of chat completions. A call gives an answer in the client's dialect when the provider speaks it, else in
 * the canonical one, or throws `UpstreamError`, or `InvalidRequestError` when the request cannot be put in its dialect.
 * A stream's errors come out of its `batches`.
 */
export abstract class Provider {
  abstract readonly name: string;
  abstract readonly type: string;
  abstract readonly baseUrl: string;

  /** Whether a request of this dialect can be passed on as it is for this model; others are translated. */
  abstract speaks(dialect: Dialect, model: string): boolean;

  abstract chat(call: ProviderCall): Promise<ChatReply>;

  /** What the provider itself counts a Messages request at; null when it has no such API for the model. */
  countTokens(_call: ProviderCall): Promise<JsonReply | null> {
    return Promise.resolve(null);
  }

  /** Calls in flight, for metrics and `least_busy`. */
  abstract get activeCalls(): number;

  /** Lets calls in flight finish, then releases the connections. */
  abstract close(): Promise<void>;
}

/** A stream must begin to answer within this time when nothing is configured. */
const DEFAULT_STREAM_FIRST_BYTE_MS = 30_000;

/** The phase timers of one call. */
export function timeoutsOf(settings: ProviderSettings, isStream: boolean, remainingMs: number | null): PhaseTimeouts {
  const totalMs = Math.max(1, Math.min(settings.totalTimeoutMs, remainingMs ?? Infinity));
  const firstByteMs =
    settings.firstByteTimeoutMs ?? (isStream ? DEFAULT_STREAM_FIRST_BYTE_MS : settings.totalTimeoutMs);
  return { connectMs: settings.connectTimeoutMs, firstByteMs, idleMs: settings.idleTimeoutMs, totalMs };
}
