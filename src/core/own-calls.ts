import type { JsonObject } from './chat';
import type { Identity, TargetName } from './context';
import type { NanoUsd } from './money';
import type { JsonReply } from './reply';

/** What holds for every call that the gateway makes for a purpose of its own. */
export interface OwnCallTerms {
  /** The caller whose request gave the occasion: the call is on his account. */
  readonly identity: Identity;
  /** Stands where records have the endpoint: `cache.judge`. */
  readonly purpose: string;
  readonly timeoutMs: number;
  /** Told what it has cost in the end: a call that failed or came too late may have cost something too. */
  readonly onCost: (cost: NanoUsd) => void;
}

export interface OwnCall extends OwnCallTerms {
  /** A Chat Completions body, not streamed. Its `model` is a name that clients may ask for. */
  readonly body: JsonObject & { readonly model: string };
}

export interface OwnEmbedding extends OwnCallTerms {
  /** One that clients need not be able to ask for. Nobody else is asked in its place: vectors of another cannot be compared. */
  readonly target: TargetName;
  readonly text: string;
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

  abstract embed(call: OwnEmbedding): Promise<OwnAnswer>;
}
