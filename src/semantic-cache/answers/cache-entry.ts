import type { Dialect, JsonObject } from '../../core/chat';
import type { TokenUsage } from '../../core/tokens';

/** A complete answer as it is kept: one form from which a JSON answer and a stream are made, in `dialect`. */
export interface StoredAnswer {
  /** The client's own dialect, or the canonical one (`openai`) when the provider speaks another. */
  readonly dialect: Dialect;
  /** The complete answer: a chat completion or a message. */
  readonly value: JsonObject;
  /** The provider's own figures. */
  readonly usage: TokenUsage;
}

/** Who made an answer and what it cost. */
export interface AnswerOrigin {
  readonly provider: string;
  /** The model that answered, in the provider's words. */
  readonly model: string;
  readonly fallback: boolean;
  readonly costNanoUsd: bigint;
}

/** One stored answer. `id` is its key: the same request has the same id, whoever asks and whichever replica answers. */
export interface CacheEntry {
  readonly id: string;
  /** Of the exact text of the last message; another request with the same id differs in surface only. */
  readonly exact: string;
  /** Who may share it: `team:team_…`. */
  readonly scope: string;
  /** Of everything but the last user text: answers of other partitions are never looked at. */
  readonly partition: string;
  /** The model the client asked for. */
  readonly requestedModel: string;
  /** The last message of the user, for the guard; null where the answer may only be found by its exact key. */
  readonly text: string | null;
  readonly answer: StoredAnswer;
  readonly origin: AnswerOrigin;
  readonly createdAtMs: number;
  /** Until then it is given to whoever asks the same. */
  readonly expiresAtMs: number;
  /** Until then it is kept to stand in for providers that fail; not before `expiresAtMs`. */
  readonly keptUntilMs: number;
}

/** What lists show of an entry: no prompt and no answer. */
export interface CacheEntryView {
  readonly id: string;
  readonly scope: string;
  readonly requestedModel: string;
  readonly provider: string;
  readonly model: string;
  readonly costNanoUsd: bigint;
  readonly bytes: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly keptUntilMs: number;
}

/** The entry as text, for stores that keep text. */
export const encodeEntry = (entry: CacheEntry): string =>
  JSON.stringify(entry, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));

/** The entry of a text that `encodeEntry` made; null for anything else, which is then as good as absent. */
export function decodeEntry(text: string): CacheEntry | null {
  try {
    const entry = JSON.parse(text) as CacheEntry & { origin: { costNanoUsd: string } };
    return { ...entry, origin: { ...entry.origin, costNanoUsd: BigInt(entry.origin.costNanoUsd) } };
  } catch {
    return null;
  }
}
