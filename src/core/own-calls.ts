import type { JsonObject } from './chat';
import type { Identity, TargetName } from './context';
import type { NanoUsd } from './money';
import type { JsonReply } from './reply';

/** A call that the gateway makes for a purpose of its own, on account of the caller whose request gave the occasion. */
export interface OwnCall {
  readonly identity: Identity;
  /** Stands where records have the endpoint: `cache.judge`. */
  readonly purpose: string;
  /** A Chat Completions body, not streamed. Its `model` is a name that clients may ask for. */
  readonly body: JsonObject & { readonly model: string };
  readonly timeoutMs: number;
  /** Told what it has cost in the end: a call that failed or came too late may have cost something too. */
  readonly onCost: (cost: NanoUsd) => void;
}

export interface OwnAnswer {
  readonly requestId: string;
  readonly reply: JsonReply;
  readonly served: TargetName;
}

/**
 * Makes calls as callers' are made: routed, bounded in time, paid from the same budgets, priced and on record. Bound where
 * all that meets. Rejects with what a caller would be told.
 */
export abstract class OwnCalls {
  abstract chat(call: OwnCall): Promise<OwnAnswer>;
}
